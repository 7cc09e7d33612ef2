"""What a thousand open boards cost the service, and how soon they show a move.

The service is the web process alone: the worker would be another. Each board is another person's, with a pipeline of
its own of five resources. Acknowledgements are measured as in `ack`, beside the same floor, without and with boards: as
fast as they are answered, which takes all that the machine has, and at a rate that would be a very busy add-on's.
"""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from subprocess import Popen
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import sqlalchemy as sa

from headrace.models import Outcome, Stage, State
from headrace.store.sql.database import Database
from headrace.store.sql.tables.schema import (
    access,
    access_check,
    pipeline,
    placement,
    placement_check,
    resource,
)
from headrace.web.ground.sessions import GOOD_FOR, Session, build_signer
from lab.bench.ack import CONNECTIONS, ROUNDS, build_provision
from lab.bench.apart.polling import ALL_OPEN, read_constant
from lab.bench.apart.served import build_settings
from lab.kit.databases import DATABASES, make_database
from lab.kit.fleets import settle
from lab.kit.load import Load, measure
from lab.kit.processes import module, running, serving

BOARDS = 1000
CARDS = tuple(Stage)
ACK_SECONDS = 5.0
ACKS_PER_SECOND = 50.0
QUIET_SECONDS = 5.0
# Opening all boards takes less.
OPENED_WITHIN_SECONDS = 12.0
MOVES, MOVE_PAUSE_SECONDS = 40, 0.25
SHOWN_WITHIN_SECONDS = 10.0
POLLING_SECONDS = (
    OPENED_WITHIN_SECONDS + MOVES * MOVE_PAUSE_SECONDS + SHOWN_WITHIN_SECONDS + 2 * ROUNDS * ACK_SECONDS + 2
)


def run_boards() -> dict[str, Any]:
    """Print, for both databases, what boards cost and how soon a move shows, and return the figures."""
    print(f"{BOARDS:,} open boards of {len(CARDS)} cards, each asking and waiting {read_constant('WAIT')} s for news;")
    print("clients and server share this machine, so read the ratios.\n")
    return {name: _measure(name) for name in DATABASES}


def _measure(name: str) -> dict[str, Any]:
    with make_database(name) as url, serving(module("lab.bench.apart.served", "floor", url)) as (_, port):
        floor = _measure_acknowledging(port)
    with make_database(name) as url, _opened(url) as database:
        cookies = _fill(database, url)
        with serving(module("lab.bench.apart.served", "web", url)) as (server, port):
            figures = _measure_service(port, server, database, cookies)
    figures["floor"] = floor
    _print_table(name, figures)
    return figures


def _measure_service(port: int, server: Popen[str], database: Database, cookies: list[str]) -> dict[str, Any]:
    without = _measure_acknowledging(port)
    idle = _measure_cpu(server.pid, QUIET_SECONDS)
    with running(module("lab.bench.apart.polling", str(port), str(POLLING_SECONDS))) as polling:
        assert polling.stdin is not None
        assert polling.stdout is not None
        polling.stdin.write(json.dumps(cookies) + "\n")
        polling.stdin.flush()
        if polling.stdout.readline() != ALL_OPEN:
            raise RuntimeError(f"{len(cookies)} boards were not opened in {POLLING_SECONDS:g} s.")
        began, used = time.monotonic(), _read_cpu(server.pid)
        moved = _move_some(database)
        time.sleep(SHOWN_WITHIN_SECONDS)
        busy = (_read_cpu(server.pid) - used) / (time.monotonic() - began)
        with_boards = _measure_acknowledging(port)
        looks = json.loads(polling.stdout.readline())
    return {
        "without": without,
        "with": with_boards,
        "cpu": {"idle": idle, "boards": busy},
        "looks": {"p50": looks["p50"], "p99": looks["p99"], "statuses": looks["statuses"]},
        "shown after": _find_delays(moved, looks["pages"]),
    }


def _print_table(name: str, figures: dict[str, Any]) -> None:
    floor: dict[str, dict[str, float]] = figures["floor"]
    head = f"{'p50 ms':>8} {'p99 ms':>8} {'of floor':>9}"
    print(f"{name:<28} {'per second':>10} {'of floor':>9} {head}   at {ACKS_PER_SECOND:g}/s: {head}")
    for row, title in (("floor", "floor: one committed row"), ("without", "no board open"), ("with", "boards open")):
        peak, ordinary = figures[row]["peak"], figures[row]["ordinary"]
        print(
            f"  {title:<26} {peak['per_second']:>10,.0f} {peak['per_second'] / floor['peak']['per_second']:>9.2f}"
            f" {_spell_times(peak, floor['peak'])}            {_spell_times(ordinary, floor['ordinary'])}"
        )
    cpu, looks, delays = figures["cpu"], figures["looks"], figures["shown after"]
    print(f"  of one core: {cpu['idle']:.1%} with none open, {cpu['boards']:.1%} with all open and nothing else to do")
    print(f"  a page: p50 {looks['p50'] * 1000:.1f} ms, p99 {looks['p99'] * 1000:.1f} ms; statuses {looks['statuses']}")
    print(
        f"  a move that is stored shows after {median(delays):.1f} s (median of {len(delays)} of {MOVES}), "
        f"{max(delays):.1f} s at the most\n"
    )


def _spell_times(load: dict[str, float], floor: dict[str, float]) -> str:
    return f"{load['p50'] * 1000:>8.1f} {load['p99'] * 1000:>8.1f} {load['p99'] / floor['p99']:>9.2f}"


def _measure_acknowledging(port: int) -> dict[str, dict[str, float]]:
    return {"peak": _acknowledge(port), "ordinary": _acknowledge(port, per_second=ACKS_PER_SECOND)}


def _acknowledge(port: int, *, per_second: float | None = None) -> dict[str, float]:
    loads: list[Load] = sorted(
        (
            measure(
                port,
                build_provision,
                status=202,
                connections=CONNECTIONS,
                seconds=ACK_SECONDS,
                per_second=per_second,
            )
            for _ in range(ROUNDS)
        ),
        key=lambda load: load.p99,
    )
    return asdict(loads[ROUNDS // 2])


def _measure_cpu(pid: int, seconds: float) -> float:
    used = _read_cpu(pid)
    time.sleep(seconds)
    return (_read_cpu(pid) - used) / seconds


def _read_cpu(pid: int) -> float:
    """Return the seconds of processor that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _move_some(database: Database) -> dict[int, float]:
    """Record moves as a look would, from staging to production, and return when each was stored."""
    moved = {}
    for board in range(0, BOARDS, BOARDS // MOVES):
        uuid, now = _id_of("resource", board, Stage.STAGING), datetime.now(UTC)
        with database.transaction() as connection:
            here = sa.and_(placement.c.resource_uuid == uuid, placement.c.valid_to.is_(None))
            connection.execute(sa.update(placement).where(here).values(valid_to=now))
            row = _make_placement(board, Stage.STAGING, since=now) | {"stage": Stage.PRODUCTION}
            connection.execute(sa.insert(placement), row)
        moved[board] = time.time()
        time.sleep(MOVE_PAUSE_SECONDS)
    return moved


def _find_delays(moved: dict[int, float], pages: list[tuple[int, float]]) -> list[float]:
    """Return after how many seconds the first page came to each board where something had moved."""
    came = {board: [at for whose, at in pages if whose == board and at > moved[board]] for board in moved}
    return [min(found) - moved[board] for board, found in came.items() if found]


@contextmanager
def _opened(url: str) -> Iterator[Database]:
    database = Database(url)
    try:
        yield database
    finally:
        database.close()


def _fill(database: Database, url: str) -> list[str]:
    """Store everybody's resources, as just looked at, and return everybody's cookie."""
    now = datetime.now(UTC)
    cards = [(board, stage) for board in range(BOARDS) for stage in CARDS]
    pipelines = [
        {"id": _id_of("pipeline", board), "name": f"shop-{board}", "observed_at": now} for board in range(BOARDS)
    ]
    tables: dict[sa.Table, list[dict[str, Any]]] = {
        pipeline: pipelines,
        resource: [_make_resource(*card, now=now) for card in cards],
        placement: [_make_placement(*card, since=now - timedelta(days=9)) for card in cards],
        placement_check: [_make_check(*card, now=now) for card in cards],
        access: [{"app_id": _id_of("app", *card), "person": f"id:user-{card[0]}"} for card in cards],
        access_check: [{"app_id": _id_of("app", *card), "checked_at": now} for card in cards],
    }
    with database.transaction() as connection:
        for table, rows in tables.items():
            connection.execute(sa.insert(table), rows)
    settle(database)
    signer = build_signer(build_settings(url).keys, "session")
    ends_at = int((now + GOOD_FOR).timestamp())
    return [str(signer.dumps([ends_at, asdict(_start_session(board))])) for board in range(BOARDS)]


def _start_session(board: int) -> Session:
    uuid = _id_of("resource", board, Stage.PRODUCTION)
    return Session(
        resource_uuid=uuid, user_id=f"user-{board}", email="", app=f"shop-{board}", is_proven=True, csrf=f"csrf-{board}"
    )


def _make_resource(board: int, stage: Stage, *, now: datetime) -> dict[str, Any]:
    uuid = _id_of("resource", board, stage)
    return {
        "uuid": uuid,
        "name": f"acme-search-{uuid[:8]}",
        "plan": "basic",
        "requested_plan": "basic",
        "region": "us",
        "options": {},
        "callback_url": f"https://api.heroku.com/addons/{uuid}",
        "state": State.PROVISIONED,
        "is_synchronous": False,
        "workflow_count": 1,
        "app_id": _id_of("app", board, stage),
        "app_name": f"shop-{board}-{stage}",
        "created_at": now - timedelta(days=9),
        "provisioned_at": now - timedelta(days=9),
    }


def _make_placement(board: int, stage: Stage, *, since: datetime) -> dict[str, Any]:
    return {
        "resource_uuid": _id_of("resource", board, stage),
        "app_id": _id_of("app", board, stage),
        "app_name": f"shop-{board}-{stage}",
        "pipeline_id": _id_of("pipeline", board),
        "stage": stage,
        "valid_from": since,
    }


def _make_check(board: int, stage: Stage, *, now: datetime) -> dict[str, Any]:
    return {
        "resource_uuid": _id_of("resource", board, stage),
        "outcome": Outcome.PLACED,
        "checked_at": now,
        "read_whole_at": now,
        "tried_at": now,
        "next_check_at": now + timedelta(hours=1),
    }


def _id_of(kind: str, board: int, stage: str = "") -> str:
    return str(uuid5(NAMESPACE_URL, f"{kind} {board} {stage}"))
