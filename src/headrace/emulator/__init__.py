"""A stateful Heroku on your own machine, as far as an add-on partner needs one.

Its rooms, from below: `kit`, what knows no Heroku; `world`, what there is; `render`, how it is shown; `heroku`, what
Heroku does; `api`, what is answered; `flow`, what pipelines do by themselves; `front`, where calls come in; `local`,
what may be done to it. `emulator` puts all of it under one port,
`server` on a socket; `recording` and `replay` keep what went over the wire.
"""

from headrace.emulator.emulator import Emulator
from headrace.emulator.kit.clock import Clock
from headrace.emulator.kit.errors import Declined
from headrace.emulator.kit.faults import Fault, FaultBook, Rule
from headrace.emulator.kit.switches import Switches
from headrace.emulator.local.scenario import Scenario, play_week
from headrace.emulator.local.scenario_books import Books
from headrace.emulator.local.scenario_plan import Size
from headrace.emulator.recording import RecordedExchange, read_recording, record
from headrace.emulator.replay import Replayed, Report, replay
from headrace.emulator.server import (
    ReadyAddonService,
    ReadyInfo,
    ReadyUser,
    describe,
    render_json,
    render_text,
    run,
    serve,
)
from headrace.emulator.world.records import (
    Addon,
    AddonService,
    App,
    Attachment,
    Attempt,
    Coupling,
    Delivery,
    Event,
    Pipeline,
    Plan,
    Promotion,
    PromotionTarget,
    Release,
    Subscription,
    Team,
    User,
)
from headrace.emulator.world.state import Registry
from headrace.emulator.world.traffic import Exchange, Traffic
from headrace.emulator.world.world_file import BUILT_IN_WORLD, World, load_world

__all__ = [
    "BUILT_IN_WORLD",
    "Addon",
    "AddonService",
    "App",
    "Attachment",
    "Attempt",
    "Books",
    "Clock",
    "Coupling",
    "Declined",
    "Delivery",
    "Emulator",
    "Event",
    "Exchange",
    "Fault",
    "FaultBook",
    "Pipeline",
    "Plan",
    "Promotion",
    "PromotionTarget",
    "ReadyAddonService",
    "ReadyInfo",
    "ReadyUser",
    "RecordedExchange",
    "Registry",
    "Release",
    "Replayed",
    "Report",
    "Rule",
    "Scenario",
    "Size",
    "Subscription",
    "Switches",
    "Team",
    "Traffic",
    "User",
    "World",
    "describe",
    "load_world",
    "play_week",
    "read_recording",
    "record",
    "render_json",
    "render_text",
    "replay",
    "run",
    "serve",
]
