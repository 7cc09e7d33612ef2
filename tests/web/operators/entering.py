"""Getting in as an operator, or not: the addresses there are, the login's form and what opens behind it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from browsing import OPERATOR_COOKIE, Page, read_csrf, visit
from headrace.emulator import Clock
from headrace.protocol.retries import NEVER, TABLE, Policy
from headrace.store.state.notices import NoticeKind, raise_notice
from pair import Acme, Pair, play_pair

SECRET = "planted-operator-secret-of-36-letters"
UUID = "01234567-89ab-cdef-0123-456789abcdef"
LISTS = tuple(
    f"/operators/{name}" for name in ("pipelines", "resources", "requests", "workflows", "deliveries", "sync")
)
PAGES = (
    "/operators",
    "/operators/definitions",
    "/operators/report",
    "/operators/report.html",
    "/operators/notices",
    "/operators/incidents",
    "/operators/incidents/retry?kind=provision.failed",
    "/operators/exports/resources.csv",
    *LISTS,
    "/operators/sync/look",
    f"/operators/pipelines/{UUID}",
    f"/operators/resources/{UUID}",
    f"/operators/resources/{UUID}/retry",
    f"/operators/resources/{UUID}/actions/Rebuild",
)
JSONS = (
    "/operators.json",
    "/operators/definitions.json",
    "/operators/report.json",
    "/operators/notices.json",
    "/operators/incidents.json",
    *(f"{path}.json" for path in LISTS),
    f"/operators/pipelines/{UUID}.json",
    f"/operators/resources/{UUID}.json",
)
FORMS = (
    "/operators/logout",
    "/operators/notices/1/settle",
    "/operators/incidents/settle?kind=provision.failed",
    f"/operators/resources/{UUID}/retry",
    f"/operators/resources/{UUID}/abandon",
    f"/operators/resources/{UUID}/links/revoke",
    f"/operators/resources/{UUID}/try-now",
    f"/operators/resources/{UUID}/give-up",
    f"/operators/resources/{UUID}/actions/Rebuild",
    f"/operators/sync/look/{UUID}",
    "/operators/sync/look",
)


NEVER_AGAIN = dict.fromkeys(TABLE, NEVER)


@asynccontextmanager
async def play(
    database_url: str,
    *,
    acme: Acme | None = None,
    clock: Clock | None = None,
    answers_within: str = "20",
    retries: dict[type[BaseException], Policy] = NEVER_AGAIN,
) -> AsyncIterator[Pair]:
    """Run a service that has operators, and where a step that fails has failed for good."""
    async with play_pair(
        database_url,
        acme=acme,
        clock=clock,
        retries=retries,
        HEADRACE_OPERATOR_SECRET=SECRET,
        HEADRACE_ANSWER_SECONDS=answers_within,
    ) as pair:
        yield pair


async def look(pair: Pair, path: str, cookie: str = "", *, form: Any = None, **headers: str) -> Page:
    return await visit(pair, path, cookie=cookie, form=form, headers=headers, name=OPERATOR_COOKIE)


async def try_secret(pair: Pair, secret: str, *, client: str = "203.0.113.7", **headers: str) -> Page:
    """Post the login form, as if through Heroku's router from an address of its client."""
    sent = {"X-Forwarded-For": client, **headers}
    return await visit(pair, "/operators/login", form={"secret": secret}, headers=sent, name=OPERATOR_COOKIE)


async def enter(pair: Pair) -> tuple[str, str]:
    """Log in; return the cookie and the token that forms bring back."""
    page = await try_secret(pair, SECRET)
    assert page.cookie is not None
    cookie = page.cookie.value
    return cookie, read_csrf(await look(pair, "/operators", cookie))


async def fail_provision(pair: Pair) -> str:
    """Let a provision fail for good; its notice is open then."""
    pair.acme.error, pair.acme.failures_left = RuntimeError("the cloud is down"), 1000
    addon = await pair.heroku.create_addon("shop", "acme-search:basic")
    await pair.settle()
    pair.acme.error = None
    with pair.parts.database.transaction() as connection:
        raise_notice(connection, addon.id, NoticeKind.EVENT_FAILED, now=pair.parts.clock(), reason="<odd>")
    return addon.id
