"""A build of headrace with a database of its own and the Heroku that answers at once: what drain and idle measure."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from subprocess import Popen
from threading import Thread

import sqlalchemy as sa

from headrace.encryption import make_key
from headrace.models import Secret, State
from headrace.protocol.partner import build_basic_auth
from headrace.store.sql.database import Database
from headrace.store.sql.tables.schema import lifecycle_event, resource
from lab.bench.apart.served import PASSWORD, SLUG
from lab.kit.builds import Build
from lab.kit.databases import make_blank_database
from lab.kit.heroku import name_id
from lab.kit.processes import find_free_port, module, start

# The build before the work on these figures; `./dev bench` measures it in the same run.
BEFORE = "9f2e646"
CONFIG_VAR = "ACME_SEARCH_URL"
MANIFEST = {
    "id": SLUG,
    "api": {
        "password": PASSWORD,
        "sso_salt": "salt",
        "regions": ["us"],
        "config_vars": [CONFIG_VAR],
        "test": "http://127.0.0.1:5050",
    },
}
SERVICE = "lab.bench.apart.drained:service"
CUSTOMERS = 8
LOOK_SECONDS = 0.2
PATIENCE_SECONDS = 900.0
HEADERS = {"Content-Type": "application/json", "Authorization": build_basic_auth(SLUG, Secret(PASSWORD))}


@dataclass(frozen=True, kw_only=True)
class Site:
    """A build, its migrated database, and what its processes find in their environment."""

    build: Build
    url: str
    engine: sa.Engine
    environment: dict[str, str]

    @contextmanager
    def serve(self, *arguments: str) -> Iterator[tuple["Popen[bytes]", int]]:
        """Run `headrace serve` while the block lasts, and yield it with its port."""
        port = find_free_port()
        command = ("serve", SERVICE, "--port", str(port), *arguments)
        with self.build.start(*command, environment=self.environment, ready_on=port) as process:
            yield process, port

    @contextmanager
    def work(self, service: str | None = SERVICE) -> Iterator["Popen[bytes]"]:
        """Run `headrace worker` while the block lasts, without a service that of a fleet."""
        port = find_free_port()
        command = ("worker", *([service] if service else []), "--port", str(port))
        with self.build.start(*command, environment=self.environment, ready_on=port) as process:
            yield process

    def count_done(self) -> int:
        """Return for how many resources there is nothing more to do."""
        is_done = (resource.c.state == State.PROVISIONED, resource.c.running.is_(None))
        query = sa.select(sa.func.count()).select_from(resource).where(*is_done)
        with self.engine.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def read_moments(self, name: str) -> dict[str, datetime]:
        """Return when a line came to each resource's timeline."""
        query = sa.select(lifecycle_event.c.resource_uuid, lifecycle_event.c.at).where(lifecycle_event.c.name == name)
        with self.engine.connect() as connection:
            return {row.resource_uuid: row.at for row in connection.execute(query)}

    def wait_until_provisioned(self, count: int) -> None:
        """Wait until there is nothing more to do for so many resources."""
        self.wait_until(lambda: self.count_done() >= count, "Not all were provisioned.")

    def wait_until(self, is_done: Callable[[], bool], problem: str) -> None:
        """Look again and again whether something is done.

        Raises:
            RuntimeError: it is not, for a long time.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not is_done():
            if time.monotonic() > deadline:
                raise RuntimeError(problem)
            time.sleep(LOOK_SECONDS)

    def is_writable(self) -> bool:
        """Whether nobody holds SQLite's lock."""
        if self.engine.dialect.name != "sqlite":
            return True
        try:
            with self.engine.connect() as connection:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
        except sa.exc.OperationalError:
            return False
        return True


@contextmanager
def make_site(build: Build, database: str) -> Iterator[Site]:
    with make_blank_database(database) as url, start(module("lab.kit.heroku", "hidden")) as heroku_port:
        heroku = f"http://127.0.0.1:{int(heroku_port)}"
        environment = {
            "HEADRACE_MANIFEST": json.dumps(MANIFEST),
            "HEADRACE_CLIENT_SECRET": "secret",
            "HEADRACE_KEYS": make_key(),
            "DATABASE_URL": url,
            "HEROKU_API_URL": heroku,
            "HEROKU_ID_URL": heroku,
            # Where the service is.
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }
        build.run("migrate", environment=environment)
        # It finds where the build has its tables.
        opened = Database(url)
        yield Site(build=build, url=url, engine=opened.writes, environment=environment)
        opened.close()


def provision(port: int, numbers: Iterable[int], *, customers: int = CUSTOMERS) -> None:
    """Have provisions acknowledged, so many at a time."""
    left = iter(numbers)
    threads = [Thread(target=_provision, args=(port, left)) for _ in range(customers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _provision(port: int, numbers: Iterator[int]) -> None:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    # Taking the next number of an iterator over a range is one step for Python.
    for number in numbers:
        connection.request("POST", "/heroku/resources", build_body(number), HEADERS)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 202:
            raise RuntimeError(f"Answered {answer.status}.")
    connection.close()


def build_body(number: int) -> str:
    uuid = name_id("resource", number)
    expires_at = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
    grant = {"code": uuid, "expires_at": expires_at, "type": "authorization_code"}
    return json.dumps(
        {
            "uuid": uuid,
            "name": f"acme-search-{number}",
            "plan": "basic",
            "region": "amazon-web-services::us-east-1",
            "options": {},
            "callback_url": f"https://api.heroku.com/addons/{uuid}",
            "oauth_grant": grant,
        }
    )
