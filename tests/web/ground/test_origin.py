"""Where a request comes from decides about its cookies and headers, and what leads on leads nowhere else."""

from typing import Any

import pytest
from starlette.requests import HTTPConnection

from browsing import COOKIE, provision, visit
from headrace.web.ground import origin
from pair import ADA, play_pair

# How the browser reached the service, by what the router says and the host that was asked for; is it https?
WAYS: list[tuple[dict[str, str], bool]] = [
    ({}, False),
    ({"X-Forwarded-Proto": "https"}, True),
    ({"Host": "search.acme.example", "X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"}, True),
    ({"Host": "search.acme.example", "X-Forwarded-Proto": "http"}, True),
    ({"Host": "search.acme.example"}, True),
    ({"Host": "localhost:5050"}, False),
]


@pytest.mark.parametrize(("headers", "is_secure"), WAYS)
async def test_behind_herokus_router_cookies_and_headers_are_those_of_https(
    sqlite_url: str,
    headers: dict[str, str],
    is_secure: bool,  # noqa: FBT001
) -> None:
    """Only a browser on this machine, on http, gets a cookie that may travel by http."""
    async with play_pair(sqlite_url) as pair:
        form = pair.heroku.sso_form(await provision(pair), ADA)[1]
        name = f"__Host-{COOKIE}" if is_secure else COOKIE
        page = await visit(pair, "/sso/login", form=form, headers=headers, name=name)
        assert page.cookie is not None
        board = await visit(pair, "/board", cookie=page.cookie.value, headers=headers, name=name)
        unnamed = await visit(pair, "/board", cookie=page.cookie.value, headers=headers, name="headrace_sessio")

        assert is_secure == bool(page.cookie["secure"])
        assert ("/", "") == (page.cookie["path"], page.cookie["domain"])
        assert [200, 401] == [board.status, unnamed.status]
        assert is_secure == ("Strict-Transport-Security" in board.headers)


def test_who_names_no_host_is_taken_to_be_on_https() -> None:
    """Nothing says that it is this machine."""
    assert origin.is_secure(HTTPConnection({"type": "http", "scheme": "http", "headers": []}))


# What might name another place to go to, in a query or in the login form.
ELSEWHERE = ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)")
NAMES = ("to", "next", "url", "return_to", "redirect", "redirect_uri", "continue", "nav-data", "app", "context_app")


@pytest.mark.parametrize("elsewhere", ELSEWHERE)
async def test_no_parameter_leads_elsewhere(sqlite_url: str, elsewhere: str) -> None:
    """Every redirect goes to an address of ours that is written in the code; no path or host makes another one."""
    extra: dict[str, Any] = dict.fromkeys(NAMES, elsewhere)
    async with play_pair(sqlite_url, HEADRACE_OPERATOR_SECRET="o" * 40) as pair:
        form = {**pair.heroku.sso_form(await provision(pair), ADA)[1], **extra}
        query = "?" + "&".join(f"{name}={elsewhere}" for name in NAMES)
        evil = {"Host": "evil.example"}
        login = await visit(pair, "/sso/login" + query, form=form)
        assert login.cookie is not None
        pages = [
            login,
            await visit(pair, "/board" + query, cookie=login.cookie.value),
            await visit(pair, "/" + query),
            await visit(pair, "/operators" + query),
            await visit(pair, "/operators/login" + query, form={"secret": "o" * 40, **extra}),
            await visit(pair, "/board/", headers=evil),
            await visit(pair, "//evil.example/"),
            await visit(pair, "/static//evil.example/", headers=evil),
            await visit(pair, "/operators/", headers=evil),
        ]

        locations = {page.headers["Location"].partition("#")[0] for page in pages if "Location" in page.headers}
        # The operators' login keeps their own page that was asked for, whatever stands behind its question mark.
        assert {"/board", "/operators", "/operators/login"} == {each.partition("?")[0] for each in locations}
        assert 'href="https://dashboard.heroku.com/apps/' in pages[1].text
        assert not any(f'="{start}' in pages[1].text for start in ("https://evil", "//evil", "/\\evil", "javascript"))
