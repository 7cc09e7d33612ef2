"""The demo: a Heroku, an add-on and its board, in one process on SQLite.

`acme` is the add-on; `show` starts everything, has customers add it to their apps, and moves an app while you watch.
"""

from headrace.demo.show import run_demo

__all__ = ["run_demo"]
