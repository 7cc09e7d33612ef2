"""An order for many resources at once, recorded in one transaction: there is a job with all that it is for, or none.

Nothing is begun here. A worker has a job's changes begin some at a time, each as the workflow that it would be alone.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import uuid4

import sqlalchemy as sa

from headrace.errors import MisuseError, UnknownResource
from headrace.models import State
from headrace.store.reports.known_resources import MadeKey, Wanted, list_known_states
from headrace.store.state.config.changes import ConfigChangeKind, add_config_changes
from headrace.store.state.config.jobs import add_config_job
from headrace.store.state.placements import LIVE
from headrace.store.state.resources import lock_resources
from headrace.store.state.secrets import seal_config_change
from headrace.store.state.timeline import TimelineName, add_events
from headrace.workflows.lifecycle.core import Core

CHUNK = 500
# All of a job is recorded at once, and nobody else writes to SQLite meanwhile.
LARGEST = 100_000
UNKNOWN_SHOWN = 5
NO_TOKEN = "no token"


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkOrder:
    """What is ordered, and of which resources; a rotation has no `config`, its hook makes it."""

    kind: ConfigChangeKind
    wanted: Wanted
    config: Mapping[str, str | None] | None
    by: str
    is_rehearsal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What an order came to: of how many resources, and why others that were wanted are left out.

    `job_id` is None of a rehearsal.
    """

    job_id: str | None
    count: int
    left_out: Mapping[str, int]


def record_bulk(connection: sa.Connection, core: Core, order: BulkOrder) -> Recorded:
    """Record a job and its changes. What has ended, and what Heroku gave no grant for, is left out.

    Raises:
        UnknownResource: there is no resource of one of the uuids; nothing is recorded.
        MisuseError: there are more than one job may have.
    """
    states = _find_wanted(connection, order.wanted)
    if len(states) > LARGEST:
        raise MisuseError(
            f"These are {len(states):,} resources, and a job has {LARGEST:,} at the most: order them in parts, by plan "
            "or by when they were made."
        )
    left_out = Counter(str(state) for state in states.values() if state not in LIVE)
    live = sorted(uuid for uuid, state in states.items() if state in LIVE)
    job_id = str(uuid4())
    if not order.is_rehearsal:
        names = order.config or ()
        now = core.clock()
        add_config_job(connection, job_id, kind=order.kind, names=names, ordered_by=order.by, now=now)
    count = 0
    for chunk in _part(live):
        able, unable = _choose(connection, core, chunk, is_rehearsal=order.is_rehearsal)
        left_out.update(unable)
        count += len(able)
        if not order.is_rehearsal and able:
            _record_chunk(connection, core, order, job_id, able)
    core.engine.news.ring_after(connection)
    return Recorded(job_id=None if order.is_rehearsal else job_id, count=count, left_out=dict(left_out))


def _find_wanted(connection: sa.Connection, wanted: Wanted) -> dict[str, State]:
    """Return the state of each resource that is wanted."""
    if not wanted.uuids:
        return dict(_walk(connection, wanted))
    states: dict[str, State] = {}
    for chunk in _part(sorted(set(wanted.uuids))):
        states.update(_walk(connection, replace(wanted, uuids=chunk)))
        found = states if wanted == Wanted(uuids=wanted.uuids) else dict(_walk(connection, Wanted(uuids=chunk)))
        if unknown := [uuid for uuid in chunk if uuid not in found]:
            more = f" and {len(unknown) - UNKNOWN_SHOWN:,} more" if len(unknown) > UNKNOWN_SHOWN else ""
            raise UnknownResource(", ".join(unknown[:UNKNOWN_SHOWN]) + more)
    return states


def _walk(connection: sa.Connection, wanted: Wanted) -> Iterator[tuple[str, State]]:
    after: MadeKey | None = None
    while found := list_known_states(connection, wanted, after=after, limit=CHUNK):
        yield from ((key.uuid, state) for key, state in found)
        after = found[-1][0]


def _choose(
    connection: sa.Connection, core: Core, uuids: Sequence[str], *, is_rehearsal: bool
) -> tuple[list[str], Counter[str]]:
    """Return those of these resources whose config can be changed, and how many cannot be, by why."""
    states = dict.fromkeys(uuids, State.PROVISIONED) if is_rehearsal else lock_resources(connection, uuids)
    tokens = core.secrets.list_with_token(connection, uuids)
    able: list[str] = []
    unable: Counter[str] = Counter()
    for uuid in uuids:
        if states.get(uuid) not in LIVE:
            unable[str(states[uuid])] += 1
        elif uuid not in tokens and states[uuid] is State.PROVISIONED:
            unable[NO_TOKEN] += 1
        else:
            able.append(uuid)
    return able, unable


def _record_chunk(connection: sa.Connection, core: Core, order: BulkOrder, job_id: str, uuids: Collection[str]) -> None:
    names, now = sorted(order.config or ()), core.clock()
    numbers = add_config_changes(
        connection, uuids, kind=order.kind, names=names, ordered_by=order.by, now=now, job_id=job_id
    )
    if order.config is not None:
        sealings = [seal_config_change(uuid, number, order.config) for uuid, number in numbers.items()]
        core.secrets.save_all(connection, sealings)
    told = {"what": order.kind, "config_vars": names, "by": order.by, "job": job_id}
    details = {uuid: {"number": number, **told} for uuid, number in numbers.items()}
    add_events(connection, TimelineName.CONFIG_REQUESTED, details, now=now)


def _part(uuids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (uuids[start : start + CHUNK] for start in range(0, len(uuids), CHUNK))
