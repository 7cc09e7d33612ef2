"""Buildpacks are kept, and nothing is built with them."""

import pytest

from emulator.wire import Wire
from headrace.emulator import Emulator

BUILDPACKS = "/apps/ada-notes/buildpack-installations"


async def test_buildpacks_are_kept_in_their_order(wire: Wire) -> None:
    """By name, URL or URN; the official ones are shown by their URN, whose beginning the CLI leaves out."""
    before = await wire.get(BUILDPACKS)
    url = "https://code.example/buildpack.tgz"
    put = await wire.send("PUT", BUILDPACKS, json={"updates": [{"buildpack": "heroku/nodejs"}, {"buildpack": url}]})
    cleared = await wire.send("PUT", BUILDPACKS, json={"updates": []})

    assert [] == before.body
    assert [
        {"buildpack": {"name": "heroku/nodejs", "url": "urn:buildpack:heroku/nodejs"}, "ordinal": 0},
        {"buildpack": {"name": url, "url": url}, "ordinal": 1},
    ] == put.body
    assert (200, []) == (cleared.status, cleared.body)


@pytest.mark.parametrize("updates", [None, "heroku/nodejs", ["heroku/nodejs"], [{}], [{"buildpack": "nodejs"}]])
async def test_what_is_no_buildpack_changes_nothing(wire: Wire, updates: object) -> None:
    await wire.send("PUT", BUILDPACKS, json={"updates": [{"buildpack": "heroku/ruby"}]})
    refused = await wire.send("PUT", BUILDPACKS, json={"updates": updates})

    assert 422 == refused.status
    assert ["heroku/ruby"] == [entry["buildpack"]["name"] for entry in (await wire.get(BUILDPACKS)).body]


async def test_a_fir_app_has_its_buildpacks_in_its_code(wire: Wire, heroku: Emulator) -> None:
    heroku.state.add_app("aurora", owner=heroku.state.users_by_email["ada@lumen.example"], generation="fir")
    reply = await wire.send("PUT", "/apps/aurora/buildpack-installations", json={"updates": []})

    assert (422, "aurora is a Fir app: its buildpacks are named in its code.") == (
        reply.status, reply.body["message"],
    )  # fmt: skip


async def test_nothing_is_built_and_a_request_for_it_says_so(wire: Wire) -> None:
    """There are no builds and no slugs to read either."""
    built = await wire.send("POST", "/apps/ada-notes/builds", json={"source_blob": {"url": "https://code.example"}})
    slug = await wire.send("POST", "/apps/ada-notes/slugs", json={"process_types": {}})

    assert [422, 422] == [built.status, slug.status]
    assert built.body["message"].startswith("The emulator builds nothing, so that ada-notes cannot get code")
    assert [] == (await wire.get("/apps/ada-notes/builds")).body
    assert (404, "build") == ((reply := await wire.get("/apps/ada-notes/builds/1")).status, reply.body["resource"])
    assert (404, "slug") == ((reply := await wire.get("/apps/ada-notes/slugs/1")).status, reply.body["resource"])
