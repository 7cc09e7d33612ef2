"""What nobody has here: features, certificates, Private Spaces, metered usage. A refusal names what is missing."""

from datetime import timedelta

import pytest

from emulator.wire import Wire
from headrace.emulator import Emulator


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("GET", "/account/features/preboot", None, 404, "The emulator has no features, and so no preboot."),
        ("GET", "/apps/ada-notes/features/preboot", None, 404, "no preboot"),
        ("PATCH", "/apps/ada-notes/features/preboot", {"enabled": True}, 404, "no preboot"),
        ("POST", "/apps/ada-notes/sni-endpoints", {}, 422, "no certificates"),
        ("POST", "/apps/ada-notes/acm", {}, 422, "no certificates"),
        ("PATCH", "/apps/ada-notes/domains/www.notes.example", {"sni_endpoint": "cert-1"}, 422, "no certificates"),
        ("PATCH", "/apps/ada-notes/domains/www.notes.example", {}, 422, "sni_endpoint is required."),
        ("POST", "/spaces", {"name": "inner", "team": "lumen"}, 422, "no Private Spaces"),
        ("GET", "/spaces/inner", None, 404, "Couldn't find that space."),
        ("POST", "/apps/ada-notes/dynos", {"command": "bash"}, 422, "ada-notes gets no one-off dynos"),
        ("POST", "/apps/ada-notes/log-sessions", {}, 422, "ada-notes has no log to read"),
    ],
)
async def test_what_there_is_not_is_refused_by_its_name(
    wire: Wire, heroku: Emulator, method: str, path: str, body: object, status: int, words: str
) -> None:
    await wire.send("POST", "/apps/ada-notes/domains", json={"hostname": "www.notes.example", "sni_endpoint": None})
    reply = await wire.send(method, path, json=body)

    assert status == reply.status
    assert words in reply.body["message"]


async def test_a_domain_may_be_told_that_it_has_no_certificate(wire: Wire) -> None:
    await wire.send("POST", "/apps/ada-notes/domains", json={"hostname": "www.notes.example", "sni_endpoint": None})
    reply = await wire.send("PATCH", "/apps/ada-notes/domains/www.notes.example", json={"sni_endpoint": None})

    assert (200, None) == (reply.status, reply.body["sni_endpoint"])


async def test_spaces_and_usage_are_listed_as_none(wire: Wire) -> None:
    """No add-on here is billed by a meter."""
    assert [] == (await wire.get("/spaces")).body
    assert [] == (await wire.get("/apps/storefront/usage")).body["addons"]
    assert [] == (await wire.get("/teams/lumen/apps/storefront/usage")).body["addons"]
    assert [] == (await wire.get("/teams/lumen/usage")).body["apps"]
    assert 403 == (await wire.get("/teams/orbit/usage")).status


@pytest.mark.parametrize(
    ("method", "path"),
    [("DELETE", "/apps/storefront/formations/web"), ("POST", "/apps/storefront/formations/web/actions/stop")],
)
async def test_all_dynos_of_a_process_type_start_anew(wire: Wire, heroku: Emulator, method: str, path: str) -> None:
    """Only those: `ps:restart --process-type`, and `ps:stop`, after which Heroku starts them again."""

    async def list_dynos() -> dict[str, str]:
        return {dyno["name"]: dyno["id"] for dyno in (await wire.get("/apps/storefront/dynos")).body}

    heroku.clock.freeze()
    before = await list_dynos()
    heroku.clock.advance(timedelta(minutes=1))
    restarted = await wire.send(method, path)
    after = await list_dynos()
    missing = await wire.send(method, path.replace("web", "clock"))

    assert (202, 404) == (restarted.status, missing.status)
    assert {"worker.1"} == {name for name in before if before[name] == after[name]}
