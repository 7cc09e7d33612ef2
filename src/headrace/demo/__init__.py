"""The demo: a Heroku, an add-on and its board, in one process on SQLite.

`acme` is the add-on; `show` starts everything and has customers add it to their apps, weeks ago by `past`. `page` links
to everything and has the `tour`, whose `steps` are played by `hands`, or by `keys` in the terminal.
"""

from headrace.demo.show import run_demo

__all__ = ["run_demo"]
