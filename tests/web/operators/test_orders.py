"""An order is asked about, given by its form, and carried out."""

import json

from browsing import provision
from headrace.models import State
from headrace.store.state.resources import find_resource
from pair import Acme
from web.operators.entering import enter, fail_provision, look, play
from workflows.lifecycle.test_attempt_orders import SLOW_RETRIES, fail_first
from workflows.lifecycle.test_operations import promise_plan


async def test_giving_up_is_asked_for_and_then_done(database_url: str) -> None:
    """The link only asks; the form does it, and only with its token."""
    async with play(database_url) as pair:
        uuid = await fail_provision(pair)
        cookie, csrf = await enter(pair)
        path = f"/operators/resources/{uuid}/abandon"
        asked = await look(pair, path, cookie)
        refused = [
            await look(pair, path, cookie, form={"csrf": "wrong"}),
            await look(pair, path, cookie, form={"csrf": csrf}, **{"Sec-Fetch-Site": "cross-site"}),
        ]
        before = await pair.find(uuid)
        done = await look(pair, path, cookie, form={"csrf": csrf})

        assert (200, True) == (asked.status, "No hook is called" in asked.text)
        assert [403, 403] == [page.status for page in refused]
        assert (State.FAILED, State.DEPROVISIONED) == (before.state, (await pair.find(uuid)).state)
        assert (303, f"/operators/resources/{uuid}") == (done.status, done.headers["Location"])


async def test_an_order_that_does_not_fit_says_why(sqlite_url: str) -> None:
    """409 with the reason, and nothing changed."""
    async with play(sqlite_url) as pair:
        addon = await provision(pair)
        cookie, csrf = await enter(pair)
        before = await pair.parts.database.read(find_resource, addon.id)
        pages = [
            await look(pair, f"/operators/resources/{addon.id}/{order}", cookie, form={"csrf": csrf})
            for order in ("retry", "abandon")
        ]

        assert [409, 409] == [page.status for page in pages]
        assert "did not fail" in pages[0].text
        assert before == await pair.parts.database.read(find_resource, addon.id)


async def test_a_plan_change_that_failed_is_tried_again(sqlite_url: str) -> None:
    """The button gives the order, and the worker carries it out."""
    acme = Acme(error=ValueError("down"))
    async with play(sqlite_url, acme=acme, answers_within="0.2") as pair:
        addon = await provision(pair)
        pair.acme.failures_left = 1
        await promise_plan(pair, addon.id, "free")
        cookie, csrf = await enter(pair)
        await look(pair, f"/operators/resources/{addon.id}/retry", cookie, form={"csrf": csrf})
        await pair.settle()

        assert "free" == (await pair.find(addon.id)).plan


async def test_what_waits_for_another_attempt_has_two_buttons(sqlite_url: str) -> None:
    """To try now and to give up; once it is given up they are gone, and the timeline says by whom."""
    async with play(sqlite_url, retries=SLOW_RETRIES) as pair:
        addon = await fail_first(pair)
        cookie, csrf = await enter(pair)
        resource = f"/operators/resources/{addon.id}"
        before, asked = await look(pair, resource, cookie), await look(pair, f"{resource}/give-up", cookie)
        waiting = json.loads((await look(pair, f"{resource}.json", cookie)).text)["waiting"]
        done = await look(pair, f"{resource}/give-up", cookie, form={"csrf": csrf})
        await pair.settle()
        after = await look(pair, resource, cookie)

        assert ("provision", "run_hook", 1) == (waiting["kind"], waiting["step"], waiting["attempts"])
        assert (True, True) == ("Try now …" in before.text, "Give up …" in before.text)
        assert (True, 303) == ("An attempt that has begun already counts" in asked.text, done.status)
        assert (State.FAILED, False) == ((await pair.find(addon.id)).state, "Give up …" in after.text)
        assert "Operator gave up" in after.text
