"""The weeks before the demo began, which nobody has lived: made by a clock that is set, and rows of the past.

What lasts was really provisioned and moved, under a clock that stood weeks ago. Review apps that have come and gone are
written as rows, hundreds of them, as a service would have left them behind.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import sqlalchemy as sa

from headrace.models import Stage, State
from headrace.store.sql.tables.schema import lifecycle_event, placement, resource
from headrace.store.state.timeline import TimelineName

WEEKS = 6
# How many pull requests a working day brings each pipeline, and the number of the last of them.
PULL_REQUESTS = {"storefront": (3, 410), "ledger-api": (1, 76)}
WORKDAYS = range(5)
HOURS = (8.0, 18.0)
MEAN_LIFE = timedelta(hours=9)
SHORTEST_LIFE = timedelta(minutes=20)
TAKES_SECONDS = (0.6, 4.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """A review app's resource that has come and gone."""

    name: str
    uuid: str
    app_id: str
    pipeline_id: str
    came_at: datetime
    done_at: datetime
    gone_at: datetime


def write_past(connection: sa.Connection, pipelines: Mapping[str, str], *, until: datetime, seed: int = 19) -> int:
    """Write what came and went in the weeks up to a moment; return how many. `pipelines` has the ids of names."""
    gone = [
        each
        for name, pipeline_id in pipelines.items()
        if name in PULL_REQUESTS
        for each in _invent(name, pipeline_id, until, random.Random(f"{seed} {name}"))  # noqa: S311 - the same each time
    ]
    connection.execute(sa.insert(resource), [_spell_resource(each) for each in gone])
    connection.execute(sa.insert(placement), [_spell_placement(each) for each in gone])
    lines = [line for each in gone for line in _spell_timeline(each)]
    connection.execute(sa.insert(lifecycle_event), lines)
    return len(gone)


def _invent(pipeline: str, pipeline_id: str, until: datetime, chance: random.Random) -> Iterator[Gone]:
    """Yield the resources of a pipeline's review apps, the oldest first; the last has the last number."""
    a_day, last = PULL_REQUESTS[pipeline]
    days = [until.date() - timedelta(days=ago) for ago in range(WEEKS * 7, 0, -1)]
    opened = sorted(
        datetime.combine(day, time(), UTC) + timedelta(hours=chance.uniform(*HOURS))
        for day in days
        if day.weekday() in WORKDAYS
        for _ in range(chance.randint(0, 2 * a_day))
    )
    for number, came_at in enumerate(opened, start=max(last - len(opened) + 1, 1)):
        life = max(SHORTEST_LIFE, MEAN_LIFE * chance.expovariate(1))
        app = f"{pipeline}-pr-{number}"
        yield Gone(
            name=f"acme-search-{app}",
            uuid=_make_id(f"resource {app}"),
            app_id=_make_id(f"app {app}"),
            pipeline_id=pipeline_id,
            came_at=came_at,
            done_at=came_at + timedelta(seconds=chance.uniform(*TAKES_SECONDS)),
            gone_at=min(came_at + life, until),
        )


def _spell_resource(gone: Gone) -> dict[str, Any]:
    return {
        "uuid": gone.uuid,
        "name": gone.name,
        "plan": "free",
        "requested_plan": "free",
        "region": "amazon-web-services::us-east-1",
        "options": {},
        "callback_url": "",
        "state": State.DEPROVISIONED,
        "is_synchronous": False,
        "workflow_count": 2,
        "app_id": gone.app_id,
        "app_name": gone.name.removeprefix("acme-search-"),
        "created_at": gone.came_at,
        "provisioned_at": gone.done_at,
        "deprovisioned_at": gone.gone_at,
    }


def _spell_placement(gone: Gone) -> dict[str, Any]:
    return {
        "resource_uuid": gone.uuid,
        "app_id": gone.app_id,
        "app_name": gone.name.removeprefix("acme-search-"),
        "pipeline_id": gone.pipeline_id,
        "stage": Stage.REVIEW,
        "valid_from": gone.came_at,
        "valid_to": gone.gone_at,
    }


def _spell_timeline(gone: Gone) -> Iterator[dict[str, Any]]:
    lines = (
        (TimelineName.PROVISION_REQUESTED, gone.came_at),
        (TimelineName.PROVISION_DONE, gone.done_at),
        (TimelineName.DEPROVISION_REQUESTED, gone.gone_at),
        (TimelineName.DEPROVISION_DONE, gone.gone_at),
    )
    for name, at in lines:
        yield {"resource_uuid": gone.uuid, "at": at, "name": name, "detail": {}}


def _make_id(text: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"headrace demo {text}"))
