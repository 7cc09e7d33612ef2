"""How quickly a provision is acknowledged, beside the least that any service could do for it.

The floor is the same web stack with the same check of the credentials and the same parsing, committing one row in
the same store. headrace commits the resource, its grant (sealed), a line of its timeline and the workflow. Beside it
stands what the store alone takes of such rows.

A worker that is busy has the provisions to work on that are being acknowledged; Heroku cannot be reached, so it makes
each attempt again. `headrace serve` is the command, with a busy worker and a log that nobody reads. At half of the
peak, an answer's time counts from when its request was due.
"""

import json
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from threading import Thread
from time import perf_counter
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from headrace.models import Secret
from headrace.protocol.partner import build_basic_auth
from headrace.store.sql.database import Database
from lab.bench.apart.served import PASSWORD, POSTGRES_WRITERS, SLUG
from lab.kit.databases import DATABASES, make_database
from lab.kit.load import Load, build_request, measure
from lab.kit.processes import list_family, module, read_mebibytes, serving

CONNECTIONS = 16
SECONDS = 5.0
ROUNDS = 3


@dataclass(frozen=True, kw_only=True)
class Way:
    """A server that acknowledges, and whether a worker beside it is busy meanwhile."""

    label: str
    kind: str
    has_worker: bool = False


WAYS = {
    "floor": Way(label="floor: one committed row", kind="floor"),
    "web": Way(label="headrace", kind="web"),
    "apart": Way(label="headrace, busy worker in its own process", kind="web", has_worker=True),
    "serve": Way(label="`headrace serve`, nothing else said", kind="serve"),
    "both": Way(label="headrace, busy worker in the same one", kind="both"),
}


@dataclass(frozen=True, kw_only=True)
class Round:
    """The peak, the same server at half of it, and the memory of its process then, or of all that the command has."""

    peak: Load
    half: Load
    mebibytes: float


def run_ack() -> dict[str, Any]:
    """Print acknowledgements per second and their times for both databases, as ratios to the floor; return them."""
    print(f"Provision acknowledgements, {CONNECTIONS} connections, median of {ROUNDS} rounds of {SECONDS:g} s each;")
    print("client and server share this machine, so read the ratios.\n")
    return {database: _measure_database(database) for database in DATABASES}


def _measure_database(database: str) -> dict[str, Any]:
    alone = median(_measure_store(database) for _ in range(ROUNDS))
    rounds = {name: _measure_way(way, database) for name, way in WAYS.items()}
    floor = rounds["floor"].peak
    print(f"{database:<42} {'per s':>7} {'of floor':>9} {'p50 ms':>7} {'p99 ms':>7} {'p99 at half':>12} {'MiB':>5}")
    print(f"  {'the store alone':<40} {alone:>7,.0f} {alone / floor.per_second:>9.2f}")
    for name, each in rounds.items():
        peak = each.peak
        print(
            f"  {WAYS[name].label:<40} {peak.per_second:>7,.0f} {peak.per_second / floor.per_second:>9.2f}"
            f" {peak.p50 * 1000:>7.1f} {peak.p99 * 1000:>7.1f} {each.half.p99 * 1000:>12.1f} {each.mebibytes:>5.0f}"
        )
    print()
    return {"store_per_second": alone, **{name: asdict(each) for name, each in rounds.items()}}


def _measure_store(database: str) -> float:
    """Return how many rows per second the store commits one by one, with nothing else going on."""
    with make_database(database) as url:
        opened = Database(url)
        table = sa.Table("acknowledged", sa.MetaData(), sa.Column("uuid", sa.String(36), primary_key=True))
        with opened.transaction() as connection:
            table.metadata.create_all(connection)
        counts: list[int] = []
        started = perf_counter()
        writers = [
            Thread(target=_commit_rows, args=(opened, sa.insert(table), started + SECONDS, counts))
            for _ in range(1 if opened.is_sqlite else POSTGRES_WRITERS)
        ]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        elapsed = perf_counter() - started
        opened.close()
    return sum(counts) / elapsed


def _commit_rows(database: Database, insert: sa.Insert, until: float, counts: list[int]) -> None:
    count = 0
    while perf_counter() < until:
        with database.transaction() as connection:
            connection.execute(insert, {"uuid": str(uuid4())})
        count += 1
    counts.append(count)


def _measure_way(way: Way, database: str) -> Round:
    rounds = sorted((_measure_round(way, database) for _ in range(ROUNDS)), key=lambda each: each.peak.per_second)
    return rounds[ROUNDS // 2]


def _measure_round(way: Way, database: str) -> Round:
    with ExitStack() as stack:
        url = stack.enter_context(make_database(database))
        server, port = stack.enter_context(serving(module("lab.bench.apart.served", way.kind, url)))
        if way.has_worker:
            stack.enter_context(serving(module("lab.bench.apart.served", "worker", url)))
        peak = _measure(port)
        half = _measure(port, per_second=peak.per_second / 2)
        return Round(peak=peak, half=half, mebibytes=sum(map(read_mebibytes, list_family(server.pid))))


def _measure(port: int, *, per_second: float | None = None) -> Load:
    return measure(port, build_provision, status=202, connections=CONNECTIONS, seconds=SECONDS, per_second=per_second)


def build_provision() -> bytes:
    uuid = str(uuid4())
    expires_at = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
    body = json.dumps(
        {
            "uuid": uuid,
            "name": f"acme-search-{uuid[:8]}",
            "plan": "basic",
            "region": "amazon-web-services::us-east-1",
            "options": {},
            "callback_url": f"https://api.heroku.com/addons/{uuid}",
            "oauth_grant": {"code": uuid, "expires_at": expires_at, "type": "authorization_code"},
        }
    )
    headers = {"Content-Type": "application/json", "Authorization": build_basic_auth(SLUG, Secret(PASSWORD))}
    return build_request("POST", "/heroku/resources", headers, body)
