import pytest

from emulator.partner import RawPartner
from emulator.wire import Wire
from headrace.emulator import Emulator

ORIGIN = "https://console.example"


async def test_answers_have_the_headers_that_were_seen_at_heroku(wire: Wire) -> None:
    for path in ("/apps/storefront", "/apps/nowhere", "/nonsense"):
        headers = (await wire.get(path)).headers
        assert ("nosniff", "Accept-Encoding", "private, no-cache") == (
            headers["X-Content-Type-Options"],
            headers["Vary"],
            headers["Cache-Control"],
        )
        assert "Access-Control-Allow-Origin" not in headers


async def test_a_head_is_a_get_without_a_body(wire: Wire) -> None:
    got, head = [await wire.send(method, "/apps/storefront") for method in ("GET", "HEAD")]

    assert (200, b"", got.headers["ETag"]) == (head.status, head.raw, head.headers["ETag"])
    assert str(len(got.raw)) == head.headers["Content-Length"]


async def test_a_change_is_made_only_to_what_the_client_knows(wire: Wire) -> None:
    coupling = (await wire.get("/apps/storefront/pipeline-couplings")).body["id"]
    path = f"/pipeline-couplings/{coupling}"
    etag = (await wire.get(path)).headers["ETag"]
    first = await wire.send("PATCH", path, json={"stage": "staging"}, If_Match=etag)
    second = await wire.send("PATCH", path, json={"stage": "review"}, If_Match=etag)
    third = await wire.send("PATCH", path, json={"stage": "review"}, If_Match='"other", *')

    assert (200, "staging") == (first.status, first.body["stage"])
    assert (412, "precondition_failed") == second.error
    assert (200, "review") == (third.status, third.body["stage"])


async def test_a_read_may_be_conditional_on_what_is_there(wire: Wire) -> None:
    etag = (await wire.get("/apps/storefront")).headers["ETag"]

    assert 200 == (await wire.get("/apps/storefront", If_Match=etag)).status
    assert (412, "precondition_failed") == (await wire.get("/apps/storefront", If_Match='W/"other"')).error


@pytest.mark.parametrize(
    ("wanted", "expected"), [("PATCH", (200, True)), ("patch", (200, True)), ("TRACE", (404, False))]
)
async def test_a_post_may_stand_for_another_method(wire: Wire, wanted: str, expected: tuple[int, bool]) -> None:
    reply = await wire.send("POST", "/apps/ada-notes", json={"maintenance": True}, X_Http_Method_Override=wanted)
    maintenance = (await wire.get("/apps/ada-notes")).body["maintenance"]

    assert expected == (reply.status, maintenance)


async def test_only_a_post_stands_for_another_method(wire: Wire) -> None:
    reply = await wire.get("/apps/ada-notes", X_Http_Method_Override="DELETE")

    assert (200, "ada-notes") == (reply.status, reply.body["name"])


async def test_a_page_of_another_origin_may_use_the_api(heroku: Emulator, wire: Wire) -> None:
    """As at Heroku, any page that has a token (contract §9)."""
    heroku.switches.cross_origin = True
    asked = await wire.send(
        "OPTIONS",
        "/apps/storefront",
        token=None,
        Origin=ORIGIN,
        Access_Control_Request_Method="PATCH",
        Access_Control_Request_Headers="authorization, range",
    )
    found, refused = [await wire.get(path, Origin=ORIGIN) for path in ("/apps/storefront", "/apps/billing")]

    assert 204 == asked.status
    assert "PATCH" in asked.headers["Access-Control-Allow-Methods"]
    assert "authorization, range" == asked.headers["Access-Control-Allow-Headers"]
    assert ["*"] * 3 == [reply.headers["Access-Control-Allow-Origin"] for reply in (asked, found, refused)]
    assert "Next-Range" in found.headers["Access-Control-Expose-Headers"]


async def test_a_page_of_another_origin_reads_nothing_but_the_api(
    heroku: Emulator, acme: RawPartner, wire: Wire
) -> None:
    heroku.switches.cross_origin = True
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    path = f"/sso/apps/storefront/addons/{addon.id}"
    page = await wire.get(path, Origin=ORIGIN)
    asked = await wire.send("OPTIONS", path, Origin=ORIGIN, Access_Control_Request_Method="GET")

    assert (200, 404) == (page.status, asked.status)
    assert "Access-Control-Allow-Origin" not in page.headers
    assert "Access-Control-Allow-Origin" not in asked.headers
