"""Groups of notices in an address, and what can be ordered for all of a group."""

from enum import StrEnum
from urllib.parse import urlencode

from starlette.requests import Request

from headrace.store.state.notices import MEANINGS, Group, NoticeKind


class GroupOrder(StrEnum):
    """What can be ordered for all of a group."""

    RETRY = "retry"
    SETTLE = "settle"
    ABANDON = "abandon"


_FAILED = (NoticeKind.PROVISION_FAILED, NoticeKind.GRANT_LOST, NoticeKind.DEPROVISION_FAILED)
# Which kinds each order may help; anything can be settled.
HELPS = {
    GroupOrder.RETRY: (*_FAILED, NoticeKind.PLAN_CHANGE_FAILED),
    GroupOrder.SETTLE: tuple(NoticeKind),
    GroupOrder.ABANDON: (*_FAILED, NoticeKind.PROVISION_EXPIRED),
}


def list_group_orders(kind: str) -> list[GroupOrder]:
    """Return the orders that may help notices of a kind."""
    return [order for order, kinds in HELPS.items() if kind in kinds]


def write_group(group: Group) -> str:
    """Return the query of an address that is about a group."""
    return urlencode({"kind": group.kind, "step": group.step, "reason": group.reason})


def read_group(request: Request) -> Group | None:
    """Return the group that an address is about; None of one that names no kind that there is."""
    kind, step, reason = (request.query_params.get(name, "") for name in ("kind", "step", "reason"))
    return Group(kind=kind, step=step, reason=reason) if kind in MEANINGS and "\0" not in step + reason else None


def spell_kind(kind: str) -> str:
    """Return `Plan change failed` of `plan_change.failed`."""
    words = kind.replace(".", " ").replace("_", " ")
    return words[:1].upper() + words[1:]
