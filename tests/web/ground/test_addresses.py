"""Where a request leads to, however its host names the place of the service."""

import pytest
from starlette.types import Scope

from headrace.web.ground.addresses import Page, Redirect, find_inside


@pytest.mark.parametrize(
    ("prefix", "root_path", "path", "inside"),
    [
        # Alone on its host.
        ("", "", "/board", "/board"),
        ("", "", "/", "/"),
        # Mounted: the host leaves the prefix in the path and names it.
        ("/addon", "/addon", "/addon/board", "/board"),
        ("/addon", "/addon", "/addon", "/"),
        ("/addon", "/addon", "/addon/", "/"),
        # Served by itself: nobody names the prefix, and it is left in the path, or a proxy has cut it off.
        ("/addon", "", "/addon/board", "/board"),
        ("/addon", "", "/board", "/board"),
        # A server that was told of the prefix cut it off.
        ("/addon", "/addon", "/board", "/board"),
        # A mount within what a proxy cut off, which the server was told of, or not.
        ("/outer/addon", "/outer/addon", "/outer/addon/board", "/board"),
        ("/outer/addon", "/addon", "/addon/board", "/board"),
        ("/outer/addon", "/outer", "/outer/addon/board", "/board"),
        # What only begins alike is something else.
        ("/addon", "", "/addonis/board", "/addonis/board"),
        # It is elsewhere than it was told.
        ("", "/addon", "/addon/board", None),
        ("/addon", "/other", "/other/board", None),
    ],
)
def test_what_is_asked_for_is_found_whoever_cuts_the_prefix_off(
    prefix: str, root_path: str, path: str, inside: str | None
) -> None:
    """ASGI's hosts, servers and proxies each do it in another way."""
    assert inside == find_inside({"type": "http", "root_path": root_path, "path": path}, prefix)


async def test_a_page_names_addresses_of_the_service_where_it_is() -> None:
    """Links, forms and scripts; not addresses of other hosts, fragments, or what a person wrote."""
    text = '<a href="/board">x</a><form action="/board/check"></form><script src="/static/a.js"></script>'
    other = '<a href="//cdn.example/x"></a><a href="#top"></a><a href="https://x.example/"></a> href=&#34;/x'

    assert text + other == await send(Page(text + other), root_path="")
    assert text.replace('="/', '="/addon/') + other == await send(Page(text + other), root_path="/addon")


async def test_a_redirect_leads_to_where_the_service_is() -> None:
    """Its address is one of the service's own."""
    assert "/addon/board" == await send(Redirect("/board"), root_path="/addon", header=b"location")
    assert "/board" == await send(Redirect("/board"), root_path="", header=b"location")


async def send(response: Page | Redirect, *, root_path: str, header: bytes = b"") -> str:
    """Send a response; return its body, which is as long as it says, or a header."""
    sent: list[Scope] = []

    async def receive() -> Scope:
        return {"type": "http.disconnect"}

    async def take(message: Scope) -> None:
        sent.append(message)

    await response({"type": "http", "root_path": root_path}, receive, take)
    headers: dict[bytes, bytes] = dict(sent[0]["headers"])
    body: bytes = sent[1]["body"]
    assert len(body) == int(headers[b"content-length"])
    return (headers[header] if header else body).decode()
