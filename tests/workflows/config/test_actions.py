"""A partner's own actions: ordered by name, done by a worker, told of in the timeline."""

import asyncio
from dataclasses import dataclass, field
from functools import partial

import pytest

from acceptance.test_daily_life import module
from cli.running import invoke
from headrace import ActionOrder, AddonService
from headrace.emulator import describe
from headrace.errors import MisuseError, NothingToDo, Refused, ResourceGone, UnknownResource
from headrace.protocol.retries import NEVER, TABLE
from headrace.store.state.config.changes import list_config_changes
from headrace.store.state.notices import list_open_notices
from ordering import SOON, list_secret_kinds, provision, script, settle_order, worker
from pair import Acme, Pair, play_pair
from web.operators.entering import enter, look, play
from web.programs.calling import call, make_token
from workflows.lifecycle.test_attempt_orders import wait_until_failed

UUID = "01234567-89ab-cdef-0123-456789abcdef"
REBUILD = "Rebuild index"
NEVER_AGAIN = dict.fromkeys(TABLE, NEVER)


@dataclass
class ActiveAcme(Acme):
    """A partner with an action that makes a password once, and tells of it more than it should."""

    ordered: list[ActionOrder] = field(default_factory=list)
    made: list[str] = field(default_factory=list)
    action_errors: list[Exception] = field(default_factory=list)

    def register(self, service: AddonService) -> None:
        super().register(service)

        @service.action(REBUILD)
        async def rebuild(order: ActionOrder) -> str:
            self.ordered.append(order)
            password = await order.step("make a password", self._make_password)
            if self.action_errors:
                raise self.action_errors.pop(0)
            return f"<b>12 documents</b>, password {password}, by {order.ordered_by}"

        service.action("Purge cache")(lambda _order: None)

    def _make_password(self) -> str:
        self.made.append(f"correct-horse-{len(self.made)}")
        return self.made[-1]


def running(pair: Pair) -> AddonService:
    """Return another process's service with the same hooks, which is to be connected."""
    service = AddonService(pair.parts.settings)
    pair.acme.register(service)
    return service


async def list_told(pair: Pair, uuid: str) -> list[tuple[str, dict[str, object]]]:
    """Return what the timeline tells of actions."""
    events = await pair.list_events(uuid)
    return [(event.name, dict(event.detail)) for event in events if event.name.startswith("action.")]


async def test_an_action_is_done_and_told_of(database_url: str) -> None:
    """Ordered in another process: by whom, that it began, what it had to tell with its secret masked."""
    acme = ActiveAcme(action_errors=[ConnectionError("Our cloud is away.")])
    async with play_pair(database_url, acme=acme) as pair:
        addon = await provision(pair)
        async with running(pair).connected() as service:
            change = await service.order_action(addon.id, REBUILD, by="grace", wait=SOON)
        await pair.settle()
        first, second = acme.ordered

        assert ("action", (REBUILD,), "done") == (change.kind, change.names, change.outcome)
        assert (f"{addon.id}:1", REBUILD, "grace", addon.id) == (first.id, first.action, first.ordered_by, first.uuid)
        assert (first.id, ["correct-horse-0"]) == (second.id, acme.made)
        assert [
            ("action.requested", {"number": 1, "by": "grace", "action": REBUILD}),
            ("action.begun", {"number": 1, "action": REBUILD}),
            (
                "action.done",
                {"number": 1, "action": REBUILD, "message": "<b>12 documents</b>, password •••, by grace"},
            ),
        ] == await list_told(pair, addon.id)
        assert not [kind for kind in await list_secret_kinds(pair, addon.id) if "password" in kind]


async def test_an_action_that_refuses_says_why_and_one_that_fails_is_a_notice(sqlite_url: str) -> None:
    """What Refused says is for whoever ordered it, with secrets masked; the next that is done settles the notice."""
    acme = ActiveAcme(action_errors=[Refused("Not while correct-horse-0 is in use."), ValueError("down")])
    async with play_pair(sqlite_url, acme=acme, retries=NEVER_AGAIN) as pair, running(pair).connected() as service:
        addon, notices = await provision(pair), []
        for _ in range(3):
            await settle_order(pair, await service.order_action(addon.id, REBUILD))
            notices.append([row.kind for row in await pair.parts.database.read(list_open_notices)])
        failed = [detail for name, detail in await list_told(pair, addon.id) if name == "action.failed"]

        assert [[], ["action.failed"], []] == notices
        assert ("Refused", "Not while ••• is in use.") == (failed[0]["reason"], failed[0]["message"])
        assert ("ValueError", REBUILD, False) == (failed[1]["reason"], failed[1]["action"], "message" in failed[1])


async def test_an_action_survives_the_end_of_its_worker(database_url: str) -> None:
    """Ordered without a worker, begun by one that ends in the middle, done by the next; its steps are done once."""
    acme = ActiveAcme(action_errors=[ConnectionError("Our cloud is away.")])
    async with play_pair(database_url, acme=acme, has_worker=False) as pair, running(pair).connected() as service:
        async with worker(pair):
            addon = await provision(pair)
        change = await service.order_action(addon.id, REBUILD)
        async with worker(pair, retries=TABLE):
            await wait_until_failed(pair, addon.id, times=1)
        async with worker(pair):
            await settle_order(pair, change)

        assert ["action.requested", "action.begun", "action.done"] == [
            name for name, _ in await list_told(pair, addon.id)
        ]
        assert ["correct-horse-0"] == acme.made


async def test_what_cannot_be_ordered_is_refused_by_name(sqlite_url: str) -> None:
    """No such action, nobody's uuid, gone, failed: an error that names it, and nothing is changed."""
    acme = ActiveAcme(error=ValueError("down"))
    async with play_pair(sqlite_url, acme=acme, retries=NEVER_AGAIN) as pair, running(pair).connected() as service:
        gone, live = await provision(pair), await provision(pair, "blog")
        await pair.call("DELETE", f"/{gone.id}")
        await pair.settle()
        acme.failures_left = 1
        failed = await provision(pair, "ada-notes")
        with pytest.raises(MisuseError, match=r'no action .Drop all.\. There is "Rebuild index", "Purge cache"'):
            await service.order_action(live.id, "Drop all")
        for uuid, error in ((UUID, UnknownResource), (gone.id, ResourceGone), (failed.id, NothingToDo)):
            with pytest.raises(error, match=uuid):
                await service.order_action(uuid, REBUILD)

        assert [[], [], []] == [
            await pair.parts.database.read(list_config_changes, each.id) for each in (gone, live, failed)
        ]
        assert [] == acme.ordered


async def test_a_service_without_actions_has_the_lines_to_paste(sqlite_url: str) -> None:
    async with play_pair(sqlite_url) as pair, script(pair) as service:
        with pytest.raises(MisuseError, match=r'@service\.action\("Rebuild index"\)'):
            await service.order_action(UUID, REBUILD)


async def test_an_action_is_ordered_by_the_api(sqlite_url: str) -> None:
    """Listed by name; 202 with the order; 422, 404 and 410 where it cannot be had."""
    async with play_pair(sqlite_url, acme=ActiveAcme()) as pair:
        gone, addon, token = await provision(pair), await provision(pair, "blog"), await make_token(pair, "grace")
        await pair.call("DELETE", f"/{gone.id}")
        await pair.settle()
        _, listed = await call(pair, "GET", f"/resources/{addon.id}/actions", token)
        status, ordered = await call(pair, "POST", f"/resources/{addon.id}/actions/Rebuild%20index", token)
        await pair.settle()
        _, shown = await call(pair, "GET", f"/resources/{addon.id}/orders/{ordered['number']}", token)
        changes = (await call(pair, "GET", "/changes?limit=500", token))[1]["changes"]
        done = [each for each in changes if each["type"] == "action.done"]
        refused = [
            await call(pair, "POST", f"/resources/{uuid}/actions/{name}", token)
            for uuid, name in ((addon.id, "Drop"), (UUID, "Rebuild%20index"), (gone.id, "Rebuild%20index"))
        ]

        assert [REBUILD, "Purge cache"] == listed["actions"]
        assert (202, "action", [REBUILD], "grace") == (
            status,
            ordered["kind"],
            ordered["names"],
            ordered["ordered_by"],
        )
        assert ("done", [(REBUILD, 1)]) == (shown["outcome"], [(each["action"], each["order"]) for each in done])
        assert [422, 404, 410] == [status for status, _ in refused]
        assert [410, 404] == [
            (await call(pair, "GET", f"/resources/{uuid}/actions", token))[0] for uuid in (gone.id, UUID)
        ]


async def test_an_action_is_a_button_of_the_resource(sqlite_url: str) -> None:
    """Asked about, ordered by its form, and told of with its text escaped; what is gone has no button."""
    acme = ActiveAcme()
    async with play(sqlite_url, acme=acme) as pair:
        addon = await provision(pair)
        cookie, csrf = await enter(pair)
        resource = f"/operators/resources/{addon.id}"
        rebuild = f"{resource}/actions/Rebuild%20index"
        page, asked = (
            await look(pair, resource, cookie),
            await look(pair, rebuild, cookie),
        )
        refused = await look(pair, rebuild, cookie, form={"csrf": "wrong"})
        unknown = await look(pair, f"{resource}/actions/Drop", cookie, form={"csrf": csrf})
        given = await look(pair, rebuild, cookie, form={"csrf": csrf})
        await pair.settle()
        told = await look(pair, resource, cookie)
        await pair.call("DELETE", f"/{addon.id}")
        await pair.settle()
        gone = await look(pair, resource, cookie)
        late = await look(pair, rebuild, cookie, form={"csrf": csrf})

        assert (True, 200, 403, 404) == ("Rebuild index …" in page.text, asked.status, refused.status, unknown.status)
        assert (303, 1) == (given.status, len(acme.ordered))
        assert (True, False) == ("&lt;b&gt;12 documents" in told.text, "<b>12 documents" in told.text)
        assert (False, 409) == ("Rebuild index …" in gone.text, late.status)


async def test_an_action_is_ordered_by_a_command(sqlite_url: str) -> None:
    """Listed, ordered and waited for; what is no action, and what is no resource, is one line."""
    async with play_pair(sqlite_url, acme=ActiveAcme()) as pair:
        addon = await provision(pair)
        settings = {**describe(pair.heroku).addon_services[0].settings, "DATABASE_URL": sqlite_url}
        with module("acme", service=running(pair)):
            run = partial(asyncio.to_thread, partial(invoke, **settings), "action", "acme:service")
            listed, done = await run("--list"), await run(addon.id, REBUILD, "--wait", "60")
            queued, bare = await run(addon.id, "Purge cache"), await run(addon.id)
            wrong, unknown = await run(addon.id, "Drop"), await run(UUID, REBUILD)
        await pair.settle()

    assert "Rebuild index\nPurge cache\n" == listed.stdout
    assert ("Done: Rebuild index.\n", 0) == (done.stdout, done.exit_code)
    assert "Ordered: Purge cache, order 2 of the resource; a worker does it.\n" == queued.stdout
    assert (1, 'There is no action \'Drop\'. There is "Rebuild index", "Purge cache".\n') == (
        wrong.exit_code,
        wrong.stderr,
    )
    assert (2, True) == (bare.exit_code, "--list" in bare.stderr)
    assert (1, True) == (unknown.exit_code, UUID in unknown.stderr)
