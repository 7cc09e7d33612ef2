"""What a provider asks of Heroku for a resource, told apart."""

from collections.abc import Iterable
from typing import Any

import msgspec

from headrace.emulator import Exchange


def is_token(call: Exchange) -> bool:
    """Whether a grant or a refresh token became an access token."""
    return call.path == "/oauth/token" and call.status == 200


def is_config(call: Exchange) -> bool:
    return call.method == "PATCH" and call.path.endswith("/config")


def is_action(call: Exchange) -> bool:
    return call.method == "POST" and call.path.endswith("/actions/provision")


def is_done(call: Exchange) -> bool:
    return call.status is not None and 200 <= call.status < 300


def read_config_vars(call: Exchange) -> dict[str, Any] | None:
    """Return the config vars that a call sets, each text masked; None when its body is not a list of them."""
    try:
        body = msgspec.json.decode(call.request)
    except msgspec.MsgspecError:
        return None
    items = body.get("config") if isinstance(body, dict) else None
    if not isinstance(items, list) or not all(isinstance(item, dict) and "name" in item for item in items):
        return None
    return {str(item["name"]): item.get("value") for item in items}


def describe(calls: Iterable[Exchange]) -> str:
    """Return calls in their order, as a report shows them."""
    return ", ".join(f"{call.method} {call.path} {call.status}" for call in calls) or "no call to Heroku"
