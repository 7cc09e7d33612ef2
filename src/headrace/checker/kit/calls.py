"""What a provider asks of Heroku for a resource, told apart."""

from collections.abc import Iterable
from typing import Any

import msgspec

from headrace.emulator import Exchange

# The second is on the API's own host, and takes JSON.
TOKEN_PATHS = ("/oauth/token", "/oauth/tokens")


def asks_for_token(call: Exchange) -> bool:
    return call.method == "POST" and call.path in TOKEN_PATHS


def is_token(call: Exchange) -> bool:
    """Whether a grant or a refresh token became an access token."""
    return asks_for_token(call) and is_done(call)


def is_drain(call: Exchange) -> bool:
    """Whether a log drain was named."""
    return call.method in {"POST", "PUT"} and "/log-drains" in call.path and is_done(call)


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
    """Return calls in their order, as a report shows them; what went wrong on purpose is said."""
    return ", ".join(map(_describe, calls)) or "no call to Heroku"


def _describe(call: Exchange) -> str:
    answer = "no answer" if call.status is None else str(call.status)
    return f"{call.method} {call.path} {answer}{' (on purpose)' if call.fault else ''}"
