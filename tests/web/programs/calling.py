"""Calling `/api` as a partner's program does: with a token of a name and of scopes."""

from typing import Any

from headrace.store.state.people.api_tokens import Scope, add_api_token
from pair import Pair

UUID = "01234567-89ab-4def-8123-456789abcdef"


async def make_token(pair: Pair, name: str = "deploy", *scopes: Scope) -> str:
    """Make a token as `headrace tokens new` does; one that may everything, where nothing is said."""
    now = pair.parts.clock()
    return (await pair.parts.database.write(add_api_token, name, scopes or [*Scope], now=now)).reveal()


async def call(pair: Pair, method: str, path: str, token: str, **options: Any) -> tuple[int, Any]:
    """Return the status and what the JSON says, None where there is none."""
    headers = {"Authorization": f"Bearer {token}"}
    async with pair.http.request(method, f"{pair.url}/api{path}", headers=headers, **options) as answer:
        return answer.status, await answer.json() if answer.content_type == "application/json" else None
