"""Requests with Heroku as a page tells them: those that were for the same together, and bodies laid out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from headrace.protocol.kept_requests import Direction
from headrace.store.state.kept_requests import RequestRow

TITLES = {
    "provision": "Provision",
    "plan-change": "Plan change",
    "config-change": "Config vars",
    "deprovision": "Deprovision",
    "expire": "End of a provision that took too long",
    "clean-up": "Clean-up",
    "stage-change": "Move",
    "event": "Webhook event",
    "subscribe": "Webhook subscription",
    "webhook": "Webhook delivery",
    "sso": "Login by SSO",
    "check": "Check",
    "other": "Not an address of the Partner API",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """Requests that stand one after the other and were for the same, the latest first."""

    requests: Sequence[RequestRow]

    @property
    def latest(self) -> RequestRow:
        return self.requests[0]

    @property
    def title(self) -> str:
        return TITLES.get(self.latest.purpose, self.latest.purpose)

    @property
    def began_at(self) -> datetime:
        return self.requests[-1].at

    @property
    def seconds(self) -> float:
        return sum(each.ms for each in self.requests) / 1000


def group_requests(rows: Iterable[RequestRow]) -> list[Purpose]:
    """Part requests, the latest first, by what they were for: with what Heroku asked, what it asked for begins."""
    groups: list[list[RequestRow]] = []
    for row in rows:
        if groups and _belong_together(groups[-1][-1], row):
            groups[-1].append(row)
        else:
            groups.append([row])
    return [Purpose(requests=group) for group in groups]


def _belong_together(later: RequestRow, earlier: RequestRow) -> bool:
    if (later.purpose, later.resource_uuid) != (earlier.purpose, earlier.resource_uuid):
        return False
    if later.workflow and earlier.workflow:
        return later.workflow == earlier.workflow
    return not (later.direction is Direction.FROM_HEROKU and earlier.workflow)


def lay_out(body: str) -> str:
    """Return JSON with a line for each member, and anything else as it is."""
    try:
        return msgspec.json.format(body, indent=2) if body else ""
    except msgspec.MsgspecError:
        return body
