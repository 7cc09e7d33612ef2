"""A check is asked for, of one resource or of all."""

from datetime import timedelta

from browsing import provision, read_csrf
from headrace.emulator import Clock
from headrace.models import State
from headrace.store.reports.histories import find_latest_inspection
from headrace.store.state.resources import find_resource
from web.operators.listing import enter, look, play


async def test_a_check_is_asked_for_of_one_resource_or_of_all(database_url: str) -> None:
    """Only by its form and with its token; the page asks before all are checked."""
    async with play(database_url, clock=Clock()) as pair:
        addon = await provision(pair)
        cookie = await enter(pair)
        csrf = read_csrf(await look(pair, cookie, "sync"))
        asked = await look(pair, cookie, "sync/look")
        paths = (f"sync/look/{addon.id}", "sync/look")
        refused = [await look(pair, cookie, path, form={"csrf": "wrong"}) for path in paths]
        before = await pair.parts.database.read(find_latest_inspection, addon.id)
        done = [await look(pair, cookie, path, form={"csrf": csrf}) for path in paths]
        await pair.sweep()
        after = await pair.parts.database.read(find_latest_inspection, addon.id)
        resource = await pair.parts.database.read(find_resource, addon.id)

    assert before is not None
    assert after is not None
    assert resource is not None
    assert (State.PROVISIONED, True) == (resource.state, "Check everything now?" in asked.text)
    assert [403, 403] == [page.status for page in refused]
    assert [f"/operators/resources/{addon.id}", "/operators/sync"] == [page.headers["Location"] for page in done]
    assert before.next_check_at - after.next_check_at <= timedelta(0)


async def test_what_is_gone_is_not_checked(sqlite_url: str) -> None:
    """409 and the reason."""
    async with play(sqlite_url) as pair:
        addon = await provision(pair)
        await pair.call("DELETE", f"/{addon.id}")
        await pair.settle()
        cookie = await enter(pair)
        csrf = read_csrf(await look(pair, cookie, "sync"))
        page = await look(pair, cookie, f"sync/look/{addon.id}", form={"csrf": csrf})
        shown = await look(pair, cookie, f"resources/{addon.id}")

    assert (409, True) == (page.status, "is not asked for any more" in page.text)
    assert "Check now" not in shown.text
