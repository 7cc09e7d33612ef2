"""Who may ask the emulator, and how much at once: it stands on a developer's machine, beside a browser."""

from collections.abc import Mapping

import httpx2
import pytest
from starlette.types import Receive, Scope, Send

from emulator.wire import ADA, Wire, name_tokens
from headrace.emulator import BUILT_IN_WORLD, Emulator, load_world

FOREIGN = "http://shop.example"
FOREIGN_PAGES = (
    {"Origin": FOREIGN},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:1"},
    {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors"},
    {"Origin": FOREIGN, "Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"},
)


@pytest.mark.parametrize("headers", FOREIGN_PAGES)
async def test_a_page_of_another_origin_is_refused(heroku: Emulator, wire: Wire, headers: Mapping[str, str]) -> None:
    """Even with a good token: 403, nothing is done, and no header lets the page read the answer."""
    deleted = await wire.send("DELETE", "/apps/storefront", **headers)
    exchanged = await wire.send("POST", "/oauth/token", token=None, data={"grant_type": "refresh_token"}, **headers)

    assert [(403, "forbidden")] * 2 == [deleted.error, exchanged.error]
    assert "Access-Control-Allow-Origin" not in deleted.headers
    assert "storefront" in heroku.state.apps


async def test_a_preflight_of_another_origin_is_refused(wire: Wire) -> None:
    """So that the browser does not even send what the page wants."""
    reply = await wire.send(
        "OPTIONS", "/apps/storefront", token=None, Origin=FOREIGN, Access_Control_Request_Method="DELETE"
    )

    assert (403, "forbidden") == reply.error
    assert not [name for name in reply.headers if name.lower().startswith("access-control")]


async def test_programs_own_pages_and_links_are_let_in(heroku: Emulator, wire: Wire) -> None:
    """What is no browser sends no Origin; a link from anywhere may open a page, which where it stands cannot read."""
    replies = [
        await wire.get("/apps/storefront"),
        await wire.get("/apps/storefront", Origin=heroku.url, Sec_Fetch_Site="same-origin"),
        await wire.get("/apps/storefront", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate"),
        await wire.get("/apps/storefront", Host="localhost:5055"),
    ]

    assert [200] * 4 == [reply.status for reply in replies]


@pytest.mark.parametrize("host", ["shop.example", "shop.example:4999", "127.0.0.1.nip.example", "192.0.2.7", "[", ""])
async def test_a_name_that_somebody_has_pointed_here_is_refused(wire: Wire, host: str) -> None:
    """On a loopback address only loopback Hosts are served, whatever the token and the switches."""
    assert (403, "forbidden") == (await wire.get("/apps/storefront", Host=host)).error


@pytest.mark.parametrize(
    ("server", "url", "status"),
    [
        ("127.0.0.1", "http://127.0.0.1:4999", 403),
        ("127.0.0.1", "http://heroku.example", 200),
        ("192.0.2.7", "http://127.0.0.1:4999", 200),
    ],
)
async def test_other_names_are_served_where_the_emulator_was_told_to(server: str, url: str, status: int) -> None:
    """Under the name that it was given as its own, and on an address that others reach."""
    emulator = Emulator(load_world(name_tokens(BUILT_IN_WORLD)), url=url)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await emulator.asgi()({**scope, "server": (server, 4999)}, receive, send)

    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://heroku.example") as client:
        reply = await client.get("/apps/storefront", headers={"Authorization": f"Bearer {ADA}"})

    assert status == reply.status_code


@pytest.mark.parametrize("path", ["/oauth/token", "/apps", "/nowhere", "/__emulator__/apps"])
async def test_a_body_has_a_million_bytes_at_most(wire: Wire, path: str) -> None:
    """413 in Heroku's shape; the rest of it is not kept."""
    allowed = await wire.send("POST", path, data=b"x" * 1_000_000)
    refused = await wire.send("POST", path, data=b"x" * 1_000_001)

    assert 413 != allowed.status
    assert (413, "request_entity_too_large") == refused.error


async def test_a_form_has_a_hundred_fields_at_most(wire: Wire) -> None:
    """Reading more than that would keep everybody else waiting."""
    reply = await wire.send("POST", "/oauth/token", token=None, data="&".join(["a=b"] * 101).encode())

    assert (400, "bad_request") == reply.error
