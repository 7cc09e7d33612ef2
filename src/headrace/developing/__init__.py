"""Writing an add-on: a Heroku and the add-on in one terminal, started again whenever a file is saved.

`run` is `headrace dev`: `service` is the add-on's process, `watching` says what a saved file means, `shown` what is
printed. `triggers` is `headrace trigger`, which asks something of that Heroku from another terminal.
"""

from headrace.developing.run import Wanted, run_dev

__all__ = ["Wanted", "run_dev"]
