"""The demo: an emulator of Heroku, an example add-on and its board, in one process on SQLite."""

from headrace.demo.show import run_demo

__all__ = ["run_demo"]
