"""What no database can store is refused at once, as what it is: a repeat would not change it."""

import json
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from browsing import SALT, Page, sign_form, visit
from headrace.protocol.sso import sign_user
from headrace.store.state.webhooks import save_credentials
from headrace.workflows.lifecycle.events import make_credentials
from hearing import deliver, make_event
from pair import Pair, play_pair

TOKEN = "planted-api-token-of-36-letters-long"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
UUID = "01234567-89ab-cdef-0123-456789abcdef"
# The shortest that is too long, and the longest that is not: four bytes a letter, which nothing compresses.
LONG = "".join(chr(0x20000 + number * 37) for number in range(256))
EXTREMES = ("9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "9000-01-01T00:00:00Z", "1969-12-31T23:59:59Z")


async def test_what_cannot_be_stored_is_refused_and_not_tried_again(database_url: str) -> None:
    """400, on both databases alike: a NUL, a name longer than any, a moment that no calendar has."""
    async with play_pair(database_url, has_worker=False, HEADRACE_API_TOKEN=TOKEN) as pair:
        kept = await _import(pair, name=LONG[1:], plan=LONG[1:], region=LONG[1:], app_id=UUID, app_name=LONG[1:])
        calls = [
            await pair.call("POST", json={"uuid": str(uuid4()), "plan": "basic", name: LONG})
            for name in ("plan", "name", "region")
        ]
        calls.append(await pair.call("PUT", f"/{UUID}", json={"plan": LONG}))
        refused = [await _import(pair, **{name: LONG}) for name in ("plan", "name", "region", "app_name")]
        refused += [await _import(pair, created_at=text) for text in EXTREMES]
        refused += [await _import(pair, refresh_token="a-token", access_token="b", expires_at=EXTREMES[0])]
        for name in ("user_id", "email"):
            query = urlencode({"user_id": "ada", name: "a\0da"})
            refused.append(await visit(pair, f"/api/resources/{UUID}/board?{query}", headers=BEARER))
            refused.append(await visit(pair, "/sso/login", form=_sign(pair, **{name: "a\0da"})))

    assert 201 == kept.status
    assert ["plan is longer than 255 characters."] * 2 == [calls[0][1]["message"], calls[3][1]["message"]]
    assert [400] * 4 == [status for status, _ in calls]
    assert [400] * 13 == [page.status for page in refused]


async def test_an_event_that_cannot_be_kept_as_it_is_is_taken(database_url: str) -> None:
    """It is signed, so Heroku would deliver it again and again, and hold back everything behind it."""
    async with play_pair(database_url, has_worker=False, HEADRACE_API_TOKEN=TOKEN) as pair:
        await _import(pair)
        credentials = make_credentials()
        await pair.parts.database.write(save_credentials, pair.parts.secrets, {UUID: credentials})
        event = make_event(include="api:collaborator", data={"app": {"id": "a\0b"}})
        odd = await deliver(pair, UUID, event, credentials=credentials)
        extreme = await deliver(pair, UUID, make_event(updated_at=EXTREMES[0]), credentials=credentials)

    assert (204, 204) == (odd[0], extreme[0])


def _sign(pair: Pair, **changes: str) -> dict[str, str]:
    form = {**sign_form(pair, UUID), **changes}
    form["user_scoped_resource_token"] = sign_user(
        UUID, salt=SALT, timestamp=form["timestamp"], user_id=form["user_id"], email=form["email"]
    )
    return form


async def _import(pair: Pair, **changes: Any) -> Page:
    body = {"uuid": UUID, "plan": "basic", **changes}
    return await visit(pair, "/api/resources", form=json.dumps(body).encode(), headers=BEARER)
