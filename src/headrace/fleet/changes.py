"""What happened to resources, as programs have it: in the answers of `/api/changes`, and as the rows of an export."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, get_args

import msgspec
import sqlalchemy as sa

from headrace.store.sql.tables.columns import Moment
from headrace.store.state.changes import ChangeRow, write_change_cursor
from headrace.store.state.timeline import TOLD, TimelineName


class ResourceChange(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to a resource; `cursor` is the `after` that goes on behind it.

    `type` is a word such as `provision.done`, and `means` says it in a sentence; there may be new words. `by` is who
    ordered it. What else is known stands in its member, which is null where it is not about that: `plan` and `old_plan`
    are bare names, `config_vars` names, `order` is its number and `job` its id, `step` and `reason` tell of a failure,
    `action` is the name of an action of the provider's, and `message` what its hook had to tell.
    """

    cursor: str
    at: datetime
    uuid: str
    resource: str
    type: str
    means: str
    by: str | None
    plan: str | None
    old_plan: str | None
    pipeline: str | None
    pipeline_id: str | None
    old_pipeline_id: str | None
    stage: str | None
    old_stage: str | None
    config_vars: list[str] | None
    removed_config_vars: list[str] | None
    order: int | None
    job: str | None
    retried: str | None
    action: str | None
    message: str | None
    step: str | None
    reason: str | None


# In a line of a timeline, what each member is called, the first that is there.
MEMBERS: Mapping[str, tuple[str, ...]] = {
    "by": ("by",),
    "plan": ("new_plan", "plan"),
    "old_plan": ("old_plan",),
    "pipeline": ("pipeline",),
    "pipeline_id": ("new_pipeline",),
    "old_pipeline_id": ("old_pipeline",),
    "stage": ("stage", "to"),
    "old_stage": ("from",),
    "config_vars": ("config_vars",),
    "removed_config_vars": ("removed",),
    "job": ("job",),
    "action": ("action",),
    "message": ("message",),
    "step": ("step",),
    "reason": ("reason",),
}
# What these lines tell of is an order, and `number` is its number; those of plan changes have others.
OF_ORDERS = ("config.", "action.", "log_drain.", "credentials.", "retirement.")
# What its members are as columns of a file.
KINDS: Mapping[Any, sa.types.TypeEngine[Any]] = {
    str: sa.Text(),
    int: sa.Integer(),
    datetime: Moment(),
    list[str]: sa.ARRAY(sa.Text),
}
COLUMNS = {
    field.name: next(kind for each, kind in KINDS.items() if each in (field.type, *get_args(field.type)))
    for field in msgspec.structs.fields(ResourceChange)
}


def describe_change(row: ChangeRow) -> ResourceChange:
    """Say what a line of a timeline tells."""
    known: dict[str, Any] = {
        member: next((row.detail[name] for name in names if row.detail.get(name) is not None), None)
        for member, names in MEMBERS.items()
    }
    return ResourceChange(
        cursor=write_change_cursor(row.cursor),
        at=row.at,
        uuid=row.resource_uuid,
        resource=row.resource_name,
        type=row.name,
        means=TOLD[TimelineName(row.name)] if row.name in list(TimelineName) else "",
        order=row.detail.get("number") if row.name.startswith(OF_ORDERS) else None,
        retried=row.detail.get("what") if row.name == TimelineName.OPERATOR_RETRIED else None,
        **known,
    )
