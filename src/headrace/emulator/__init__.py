"""A stateful Heroku on your own machine, as far as an add-on partner needs one."""

from headrace.emulator.clock import Clock
from headrace.emulator.emulator import Emulator
from headrace.emulator.errors import Declined
from headrace.emulator.faults import Fault
from headrace.emulator.recording import read_recording, record
from headrace.emulator.replay import Replayed, Report, replay
from headrace.emulator.server import ReadyInfo, describe, render_json, render_text, run, serve
from headrace.emulator.switches import Switches
from headrace.emulator.traffic import Exchange
from headrace.emulator.world import BUILT_IN_WORLD, World, load_world

__all__ = [
    "BUILT_IN_WORLD",
    "Clock",
    "Declined",
    "Emulator",
    "Exchange",
    "Fault",
    "ReadyInfo",
    "Replayed",
    "Report",
    "Switches",
    "World",
    "describe",
    "load_world",
    "read_recording",
    "record",
    "render_json",
    "render_text",
    "replay",
    "run",
    "serve",
]
