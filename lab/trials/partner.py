"""The add-on that trials run: what its hooks do is kept in a database of its own, to be compared in the end.

With TRIAL_KILL_AT set, the process kills itself at that boundary, counted from when the trial says so: before and after
each step, each write, each request to Heroku and each message about a notice. TRIAL_COUNT names a file in the
folder for the count instead.
"""

import os
import secrets
import signal
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from headrace import (
    ActionOrder,
    AddonService,
    PlanChange,
    Provision,
    Provisioned,
    Refused,
    Resource,
    Retirement,
    Rotation,
)
from headrace.store.sql.database import Database
from headrace.transport import AiohttpTransport
from headrace.workflows.chores import sending
from headrace.workflows.engine.run import Run
from lab.trials.service import REBUILD, build_address, build_drain_url

FOLDER = Path(os.environ["TRIAL_FOLDER"])
KILL_AT = int(os.environ.get("TRIAL_KILL_AT", "0"))
COUNT = os.environ.get("TRIAL_COUNT")
TABLES = (
    "thing (uuid TEXT PRIMARY KEY, plan TEXT NOT NULL)",
    "key (uuid TEXT PRIMARY KEY, key TEXT NOT NULL)",
    "log_input (uuid TEXT PRIMARY KEY, url TEXT NOT NULL)",
    "token (uuid TEXT NOT NULL, token TEXT PRIMARY KEY)",
    "rebuild (uuid TEXT NOT NULL, order_id TEXT NOT NULL, snapshot TEXT NOT NULL)",
    "call (hook TEXT NOT NULL, uuid TEXT NOT NULL)",
)
# Nobody waits a minute for a sender that died with a message.
sending.CLAIM = timedelta(seconds=2)

service = AddonService.from_env()


@service.on_provision
def create(provision: Provision) -> Provisioned:
    if provision.options.get("refuse"):
        raise Refused("We are full.")
    _fail(provision)
    # Made anew at each call: the latest is the one that opens anything.
    key = secrets.token_hex(8)
    with opened() as cloud:
        cloud.execute("INSERT INTO call VALUES ('create', ?)", [provision.uuid])
        cloud.execute("INSERT OR IGNORE INTO thing VALUES (?, ?)", [provision.uuid, provision.plan])
        cloud.execute("INSERT OR REPLACE INTO key VALUES (?, ?)", [provision.uuid, key])
        if provision.log_input_url is not None:
            row = [provision.uuid, provision.log_input_url.reveal()]
            cloud.execute("INSERT OR REPLACE INTO log_input VALUES (?, ?)", row)
    return Provisioned(
        config={"ACME_SEARCH_URL": build_address(provision.uuid, key)},
        log_drain_url=None if provision.log_drain_token is None else build_drain_url(provision.uuid),
    )


@service.on_plan_change
def resize(change: PlanChange) -> None:
    if change.new_plan == "tiny":
        raise Refused("Your data does not fit this plan.")
    with opened() as cloud:
        cloud.execute("INSERT INTO call VALUES ('resize', ?)", [change.uuid])
        cloud.execute("UPDATE thing SET plan = ? WHERE uuid = ?", [change.new_plan, change.uuid])


@service.on_rotate
def rotate(rotation: Rotation) -> dict[str, str]:
    """Make a token, one for each rotation however often it is asked for; the others stay good."""
    token = f"token-{rotation.id}"
    with opened() as cloud:
        cloud.execute("INSERT INTO call VALUES ('rotate', ?)", [rotation.uuid])
        cloud.execute("INSERT OR IGNORE INTO token VALUES (?, ?)", [rotation.uuid, token])
    return {"ACME_SEARCH_TOKEN": token}


@service.on_retire
def retire(retirement: Retirement) -> None:
    with opened() as cloud:
        cloud.execute("INSERT INTO call VALUES ('retire', ?)", [retirement.uuid])
        for old in retirement.old_config.values():
            cloud.execute("DELETE FROM token WHERE uuid = ? AND token = ?", [retirement.uuid, old.reveal()])


@service.action(REBUILD)
async def rebuild(order: ActionOrder) -> str:
    """Say which run of this order it is; each run is to find the snapshot that the first one has taken."""
    snapshot = await order.step("take a snapshot", lambda: secrets.token_hex(8))
    with opened() as cloud:
        cloud.execute("INSERT INTO call VALUES ('rebuild', ?)", [order.uuid])
        cloud.execute("INSERT INTO rebuild VALUES (?, ?, ?)", [order.uuid, order.id, snapshot])
        [[runs]] = cloud.execute("SELECT count(*) FROM rebuild WHERE order_id = ?", [order.id])
    return f"run {runs}"


@service.on_deprovision
def drop(resource: Resource) -> None:
    with opened() as cloud:
        cloud.execute("INSERT INTO call VALUES ('drop', ?)", [resource.uuid])
        cloud.execute("DELETE FROM thing WHERE uuid = ?", [resource.uuid])
        cloud.execute("DELETE FROM token WHERE uuid = ?", [resource.uuid])


def _fail(provision: Provision) -> None:
    """Fail so many times as the customer's options say."""
    with opened() as cloud:
        cloud.execute("INSERT INTO call VALUES ('try', ?)", [provision.uuid])
        [[tries]] = cloud.execute("SELECT count(*) FROM call WHERE hook = 'try' AND uuid = ?", [provision.uuid])
    if tries <= int(provision.options.get("fail", "0")):
        raise ConnectionError("Our cloud is away.")


@contextmanager
def opened() -> Iterator[sqlite3.Connection]:
    """Open the partner's own database for one transaction."""
    connection = sqlite3.connect(FOLDER / "cloud.db", timeout=30)
    try:
        with connection:
            for table in TABLES:
                connection.execute(f"CREATE TABLE IF NOT EXISTS {table}")
            yield connection
    finally:
        connection.close()


class Saboteur:
    """Counts boundaries, and dies at one of them."""

    def __init__(self) -> None:
        self._passed = 0
        self._is_counting = False
        self._counted = os.open(FOLDER / COUNT, os.O_WRONLY | os.O_CREAT, 0o600) if COUNT else None

    def pass_boundary(self) -> None:
        self._is_counting = self._is_counting or (FOLDER / "counting").exists()
        if not self._is_counting:
            return
        self._passed += 1
        if self._counted is not None:
            # In place and of one width, so that whoever reads it meanwhile finds a number.
            os.pwrite(self._counted, f"{self._passed:08}".encode(), 0)
        if self._passed == KILL_AT:
            os.kill(os.getpid(), signal.SIGKILL)

    def guard(self, owner: type, name: str) -> None:
        """Make what a coroutine function does stand between two boundaries."""
        original: Callable[..., Awaitable[Any]] = getattr(owner, name)

        async def guarded(*args: Any, **kwargs: Any) -> Any:
            self.pass_boundary()
            result = await original(*args, **kwargs)
            self.pass_boundary()
            return result

        setattr(owner, name, guarded)


if KILL_AT or COUNT:
    saboteur = Saboteur()
    writes = ((Database, "write"), (Database, "write_together"))
    sends = ((AiohttpTransport, "send"), (sending.NoticeSender, "_post"))
    for owner, name in ((Run, "_attempt"), *writes, *sends):
        saboteur.guard(owner, name)
