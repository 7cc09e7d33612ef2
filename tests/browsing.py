"""What a browser does at the service of a pair: it posts Heroku's login form, keeps the cookie and opens pages."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from http.cookies import Morsel
from typing import Any

from headrace.emulator.world.records import Addon
from headrace.models import Secret
from headrace.protocol.sso import sign_resource, sign_user
from pair import ADA, Pair

COOKIE = "headrace_session"
OPERATOR_COOKIE = "headrace_operator"
SALT = Secret("s4lt-for-tests")


@dataclass(frozen=True, kw_only=True)
class Page:
    """An answer as a browser has it, before it follows a redirect."""

    status: int
    text: str
    headers: Mapping[str, str]
    cookie: "Morsel[str] | None"


async def visit(
    pair: Pair,
    path: str,
    *,
    cookie: str = "",
    form: Any = None,
    method: str = "",
    headers: Mapping[str, str] | None = None,
    name: str = COOKIE,
) -> Page:
    """Make one request as a browser does; `name` is the cookie's."""
    sent = {**({"Cookie": f"{name}={cookie}"} if cookie else {}), **(headers or {})}
    verb = method or ("GET" if form is None else "POST")
    url = pair.url + path
    async with pair.http.request(verb, url, data=form, headers=sent, allow_redirects=False) as answer:
        return Page(
            status=answer.status,
            text=await answer.text(),
            headers=answer.headers.copy(),
            cookie=answer.cookies.get(name),
        )


async def provision(pair: Pair, app: str = "shop") -> Addon:
    addon = await pair.heroku.create_addon(app, "acme-search:basic")
    await pair.settle()
    return addon


async def log_in(pair: Pair, addon: Addon, email: str | None = ADA) -> str:
    page = await visit(pair, "/sso/login", form=pair.heroku.sso_form(addon, email)[1])
    assert page.cookie is not None
    return page.cookie.value


def read_csrf(page: Page) -> str:
    return page.text.split('name="csrf" value="')[1].split('"', maxsplit=1)[0]


def sign_form(pair: Pair, resource_id: str, *, ahead: timedelta = timedelta(0)) -> dict[str, str]:
    """Build the form that Heroku would send for any resource, at any time."""
    timestamp = str(int((pair.parts.clock() + ahead).timestamp()))
    return {
        "resource_id": resource_id,
        "resource_token": sign_resource(resource_id, salt=SALT, timestamp=timestamp),
        "timestamp": timestamp,
        "email": ADA,
        "user_id": "ada",
        "user_scoped_resource_token": sign_user(resource_id, salt=SALT, timestamp=timestamp, user_id="ada", email=ADA),
    }
