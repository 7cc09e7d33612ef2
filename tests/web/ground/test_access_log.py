"""A line for each request; and what hooks log in the background says which request it is about."""

import logging
from typing import Any

import pytest

from browsing import visit
from headrace import Provision, Resource
from headrace.service import AddonService
from headrace.telemetry.context import find_about
from headrace.web.ground.access_log import mask_path
from pair import Acme, Pair, play_pair

REQUEST_ID = "0a1b2c3d-0001-4444-8888-0a1b2c3d4e5f"
acme_log = logging.getLogger("acme")


class LoggingAcme(Acme):
    """A partner whose hooks log: one on the event loop of hooks, the others on threads; the last fails once."""

    def register(self, service: AddonService) -> None:
        @service.on_provision
        async def create(provision: Provision) -> dict[str, str]:
            await provision.step("make", acme_log.warning, "making")
            acme_log.warning("made")
            return {"ACME_SEARCH_URL": f"https://search.acme.example/{provision.uuid}"}

        @service.on_plan_change
        def resize(_change: object) -> None:
            acme_log.warning("resized")

        @service.on_deprovision
        def drop(resource: Resource) -> None:
            acme_log.warning("dropped")
            self.dropped.append(resource)
            if len(self.dropped) == 1:
                raise LookupError("once")


def find(caplog: pytest.LogCaptureFixture, name: str) -> list[dict[str, Any]]:
    """Return what the lines of an event are about, and what they say."""
    lines = [record for record in caplog.records if record.msg == name]
    return [{**vars(line)["headrace"], **vars(line)} for line in lines]


async def ask(pair: Pair, method: str, uuid: str, **options: Any) -> int:
    status, _ = await pair.call(method, f"/{uuid}", headers={"X-Request-ID": REQUEST_ID}, **options)
    await pair.settle()
    return status


async def test_a_hooks_own_lines_say_what_they_are_about(database_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """The resource, the workflow, the hook, the attempt, and the request of Heroku's that asked for it."""
    caplog.set_level(logging.INFO)
    async with play_pair(database_url, acme=LoggingAcme()) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await pair.settle()
        statuses = [await ask(pair, "PUT", addon.id, json={"plan": "free"}), await ask(pair, "DELETE", addon.id)]

    (made,), (making,), (resized,), (dropped, again), (failed,) = (
        find(caplog, each) for each in ("made", "making", "resized", "dropped", "step.failed")
    )
    asked = next(line for line in find(caplog, "request.answered") if line["path"] == "/heroku/resources")
    assert [200, 204] == statuses
    assert [f"provision:{addon.id}:1"] * 2 == [made["workflow"], making["workflow"]]
    assert asked["request_id"] == made["request_id"] == making["request_id"] != REQUEST_ID
    assert {(addon.id, "on_provision", "run_hook", 1)} == {
        (line["resource"], line["hook"], line["step"], line["attempt"]) for line in (made, making)
    }
    assert [("on_plan_change", 1), ("on_deprovision", 1), ("on_deprovision", 2), ("on_deprovision", 1)] == [
        (line["hook"], line["attempt"]) for line in (resized, dropped, again, failed)
    ]
    assert {(addon.id, REQUEST_ID)} == {
        (line["resource"], line["request_id"]) for line in (resized, dropped, again, failed)
    }


async def test_each_request_has_a_line(sqlite_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """With Heroku's id of it, its status, how long it took, and the resource that it is about; without its query."""
    caplog.set_level(logging.INFO)
    async with play_pair(sqlite_url) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await pair.settle()
        await ask(pair, "PUT", addon.id, json={"plan": "free"})
        await visit(pair, "/board?email=ada@lumen.example", headers={"X-Request-ID": "not one"})
    told = {(line["method"], line["path"]): line for line in find(caplog, "request.answered")}
    changed, shown = told["PUT", f"/heroku/resources/{addon.id}"], told["GET", "/board"]

    assert (200, REQUEST_ID, addon.id) == (changed["status"], changed["request_id"], changed["resource"])
    assert (401, 36) == (shown["status"], len(shown["request_id"]))
    assert changed["ms"] >= 0
    assert "resource" not in shown


async def test_a_request_begins_with_nothing_of_the_one_before(
    sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """They come on one connection, and the first is about a resource."""
    caplog.set_level(logging.INFO)
    async with play_pair(sqlite_url) as pair:
        await ask(pair, "DELETE", "01234567-89ab-cdef-0123-456789abcdef")
        await visit(pair, "/health")
    before, after = find(caplog, "request.answered")[-2:]

    assert [True, False] == ["resource" in each for each in (before, after)]
    assert REQUEST_ID == before["request_id"] != after["request_id"]
    assert {} == find_about()


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/heroku/resources/u-1", "/heroku/resources/u-1"),
        ("/sso/login/manifest-pass/x", "/sso/login/•••/x"),
        ("/a b\r\nINFO forged", "/a%20b%0D%0AINFO%20forged"),
        ("/" + "x" * 1000, "/" + "x" * 299),
    ],
)
def test_a_path_is_a_word_without_secrets(path: str, shown: str) -> None:
    """Anybody may ask for any path, also for one with a line feed or a password in it."""
    assert shown == mask_path(path, ("manifest-pass",))
