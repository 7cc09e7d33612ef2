"""The list of what commands import late, which has to be imported in the process that others are forked out of."""

import re
import subprocess
import sys

import pytest

from acceptance.processes import Processes, Town, is_ready, wait_until
from lab.kit.databases import make_on_server
from lab.kit.modules import LATE

pytestmark = pytest.mark.acceptance

# In a process that has imported nothing before.
IMPORT_OURS = """
import importlib, sys
from lab.kit.modules import LATE, find_ours
for name in find_ours():
    importlib.import_module(name)
print(*sorted(sys.modules.keys() & set(LATE)))
"""


def test_what_is_listed_as_imported_late_is_so(processes: Processes, postgres_server: str) -> None:
    """By a service on either database, from the first migration to a provision; and not by importing all of ours."""
    town = processes.start_heroku_and_acme()
    town.service.stop()
    file = f"sqlite:///{processes.folder / 'new.db'}"
    imported = list_imported(town, "storefront-dev", database_url=file)
    with make_on_server(postgres_server) as url:
        imported |= list_imported(town, "storefront-staging", database_url=url)
    at_once = subprocess.run([sys.executable, "-c", IMPORT_OURS], capture_output=True, text=True, check=True).stdout

    assert ([], []) == (sorted(set(LATE) - imported), at_once.split())


def list_imported(town: Town, app: str, *, database_url: str) -> set[str]:
    """Return every module that a service imports while a database is made for it, and an add-on on an app."""
    port = town.acme_url.rpartition(":")[2]
    serve = ("serve", "acme:service", "--one-process", "--port", port, "--env-file", town.env_file)
    environment = {"DATABASE_URL": database_url, "PYTHONVERBOSE": "1"}
    service = town.processes.headrace(*serve, cwd=town.processes.folder, environment=environment)
    wait_until(lambda: is_ready(f"{town.acme_url}/ready"), why=service.render)
    town.add_acme(app, user="ada@lumen.example")
    service.stop()
    return set(re.findall(r"^import '([\w.]+)' #", "".join(service.err), re.MULTILINE))
