"""Test runs of Heroku CI, and apps that are set up after an app.json that was uploaded."""

import io
import tarfile
from datetime import timedelta
from operator import itemgetter

import msgspec
import pytest

from emulator.partner import RawPartner, answer
from emulator.wire import Wire
from headrace.emulator import Emulator

ADA = "ada@lumen.example"
THREE_NODES = {
    "addons": ["acme-search:premium"],
    "environments": {
        "test": {"addons": ["acme-search:premium", "heroku-postgresql:in-dyno"], "formation": {"test": {"quantity": 3}}}
    },
}


def pack(app_json: object, *, name: str = "shop-1a2b/app.json", mark: bytes = b"") -> bytes:
    """Return an archive as GitHub's are, with everything in one folder."""
    text, packed = mark + msgspec.json.encode(app_json), io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        member = tarfile.TarInfo(name)
        member.size = len(text)
        tar.addfile(member, io.BytesIO(text))
    return packed.getvalue()


async def upload(wire: Wire, archive: bytes) -> str:
    """Put an archive where Heroku says, without a token, and return where it is then."""
    blob = (await wire.send("POST", "/sources")).body["source_blob"]
    assert 200 == (await wire.send("PUT", blob["put_url"].removeprefix(wire.url), token=None, data=archive)).status
    assert archive == (await wire.get(blob["get_url"].removeprefix(wire.url), token=None)).raw
    url: str = blob["get_url"]
    return url


def ask(heroku: Emulator, url: str = "https://source.example/shop.tgz") -> dict[str, object]:
    return {
        "commit_branch": "main",
        "commit_message": "Try it",
        "commit_sha": "1a2b",
        "organization": None,
        "pipeline": heroku.state.pipelines["storefront"].id,
        "source_blob_url": url,
    }


async def test_a_run_has_one_add_on_however_many_nodes(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    """It comes before the run and goes after it; a plan that runs inside the dyno is no partner's (contract §7.6)."""
    heroku.switches.test_run_lasts = timedelta(minutes=5)
    heroku.clock.freeze()
    heroku.connect("storefront", "lumen/storefront", THREE_NODES)
    asked = (await wire.send("POST", "/test-runs", json=ask(heroku))).body
    await heroku.settle()
    path = f"/test-runs/{asked['id']}"
    running = (await wire.get(path)).body
    nodes = (await wire.get(f"{path}/test-nodes")).body
    during = [received.method for received in acme.received]
    heroku.clock.advance(timedelta(minutes=5))
    await heroku.settle()
    over = (await wire.get(path)).body
    ended = (await wire.get(f"{path}/test-nodes")).body

    assert ("pending", "running", "succeeded") == (asked["status"], running["status"], over["status"])
    assert [(0, "running", None), (1, "running", None), (2, "running", None)] == [
        (node["index"], node["status"], node["exit_code"]) for node in sorted(nodes, key=itemgetter("index"))
    ]
    assert [0, 0, 0] == [node["exit_code"] for node in ended]
    assert ["POST"] == during
    assert ["POST", "DELETE"] == [received.method for received in acme.received]
    assert "free" == acme.received[0].body["plan"]


async def test_its_app_is_at_the_stage_test_and_not_shown_in_the_pipeline(
    heroku: Emulator, acme: RawPartner, wire: Wire
) -> None:
    heroku.switches.test_run_lasts = timedelta(minutes=5)
    run = await heroku.run_tests("storefront", ADA)
    partner = await wire.authorize(acme.received[0])
    assert run.app is not None
    [coupling] = (await wire.get(f"/apps/{run.app.id}/pipeline-couplings", token=partner)).body
    listed = (await wire.get(f"/pipelines/{run.pipeline.id}/pipeline-couplings")).body

    assert ("test", run.pipeline.id) == (coupling["stage"], coupling["pipeline"]["id"])
    assert run.app.id not in {each["app"]["id"] for each in listed}


async def test_runs_are_numbered_and_found_by_number(heroku: Emulator, wire: Wire) -> None:
    """As `ci:info 2` and `ci:last` ask for them."""
    path = f"/pipelines/{heroku.state.pipelines['storefront'].id}/test-runs"
    for _ in range(2):
        await heroku.run_tests("storefront", ADA)
    second = (await wire.get(f"{path}/2")).body
    [last] = (await wire.get(path, Range="number ..; order=desc,max=1")).body

    assert (2, "succeeded") == (second["number"], second["status"])
    assert second == last
    assert (404, "not_found") == (await wire.get(f"{path}/3")).error


async def test_a_run_ends_as_the_switches_say(heroku: Emulator, wire: Wire) -> None:
    heroku.switches.test_exit_code = 3
    run = await heroku.run_tests("storefront", ADA)
    [node] = (await wire.get(f"/test-runs/{run.id}/test-nodes")).body

    assert ("failed", "failed", 3) == (run.status, node["status"], node["exit_code"])


async def test_a_run_is_cancelled_and_nothing_else(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    heroku.switches.test_run_lasts = timedelta(minutes=5)
    run = await heroku.run_tests("storefront", ADA)
    passed = await wire.send("PATCH", f"/test-runs/{run.id}", json={"status": "succeeded"})
    cancelled = await wire.send("PATCH", f"/test-runs/{run.id}", json={"status": "cancelled", "message": "Enough"})
    await heroku.settle()

    assert (422, "invalid_params") == passed.error
    assert ("cancelled", "Enough") == (cancelled.body["status"], cancelled.body["message"])
    assert ["POST", "DELETE"] == [received.method for received in acme.received]


async def test_a_run_without_its_add_on_is_errored(heroku: Emulator, acme: RawPartner) -> None:
    acme.reactions["POST"] = answer(422, {"message": "We are full."})
    run = await heroku.run_tests("storefront", ADA)

    assert ("errored", "We are full.") == (run.status, run.message)
    assert not any(app.name.startswith("ci-") for app in heroku.state.apps)


async def test_a_run_goes_by_the_app_json_that_was_uploaded(heroku: Emulator, wire: Wire) -> None:
    """A byte order mark is skipped; `ci:run` looks again without a pause."""
    url = await upload(wire, pack(THREE_NODES, mark=b"\xef\xbb\xbf"))
    asked = (await wire.send("POST", "/test-runs", json=ask(heroku, url))).body
    await heroku.settle()

    assert 3 == len((await wire.get(f"/test-runs/{asked['id']}/test-nodes")).body)


@pytest.mark.parametrize(
    ("archive", "words"),
    [
        (b"no archive", "no gzipped tar archive"),
        (pack({}, name="shop/deep/app.json"), "no app.json"),
        (pack(["addons"]), "no JSON object"),
    ],
)
async def test_an_upload_without_an_app_json_is_refused(
    heroku: Emulator, wire: Wire, archive: bytes, words: str
) -> None:
    url = await upload(wire, archive)
    reply = await wire.send("POST", "/test-runs", json=ask(heroku, url))

    assert (422, "invalid_params") == reply.error
    assert words in reply.body["message"]


async def test_an_app_is_set_up_with_the_plan_that_it_names(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    """It is there to stay, so that the plan is app.json's; `pipelines:setup` couples it at once."""
    url = await upload(wire, pack({"addons": ["acme-search:premium"], "env": {"A": {"required": True}}}))
    pipeline = heroku.state.pipelines["storefront"]
    body = {
        "app": {"name": "shop-next", "organization": "lumen"},
        "pipeline_coupling": {"pipeline": pipeline.id, "stage": "staging"},
        "source_blob": {"url": url},
        "overrides": {"env": {"A": "1"}},
    }
    asked = (await wire.send("POST", "/app-setups", json=body)).body
    await heroku.settle()
    setup = (await wire.get(f"/app-setups/{asked['id']}")).body
    app = heroku.state.apps["shop-next"]

    assert ("pending", "succeeded", "shop-next") == (asked["status"], setup["status"], setup["app"]["name"])
    assert ("premium", "staging", "1") == (
        acme.received[0].body["plan"],
        app.coupling and app.coupling.stage,
        app.config["A"],
    )


@pytest.mark.parametrize(
    ("app_json", "errors", "message"),
    [
        ({"env": {"A": {"required": True}}}, ["env, A: is required and has no value."], "The app.json cannot be used."),
        ({"addons": ["acme-search:gold"]}, [], "acme-search:gold"),
    ],
)
async def test_a_setup_that_fails_says_why_and_leaves_no_app(
    heroku: Emulator, wire: Wire, app_json: object, errors: list[str], message: str
) -> None:
    url = await upload(wire, pack(app_json))
    asked = (await wire.send("POST", "/app-setups", json={"app": {"name": "next"}, "source_blob": {"url": url}})).body
    await heroku.settle()
    setup = (await wire.get(f"/app-setups/{asked['id']}")).body

    assert ("failed", errors) == (setup["status"], setup["manifest_errors"])
    assert message in setup["failure_message"]
    assert "next" not in heroku.state.apps


async def test_a_source_elsewhere_is_not_fetched(wire: Wire) -> None:
    reply = await wire.send("POST", "/app-setups", json={"source_blob": {"url": "https://source.example/shop.tgz"}})

    assert (422, "invalid_params") == reply.error
    assert "POST /sources" in reply.body["message"]


async def test_a_node_says_that_it_ran_nothing(heroku: Emulator, wire: Wire) -> None:
    run = await heroku.run_tests("storefront", ADA)
    [node] = (await wire.get(f"/test-runs/{run.id}/test-nodes")).body
    stream = await wire.get(node["output_stream_url"].removeprefix(wire.url), token=None)

    assert (200, True) == (stream.status, b"runs no tests" in stream.raw)
    assert [] == (await wire.get(f"/test-runs/{run.id}/test-cases")).body
