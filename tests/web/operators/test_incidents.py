"""The same failure many times is one incident, and one order is for all of it."""

import json
from datetime import timedelta

import pytest

from browsing import provision
from headrace.emulator import Clock
from headrace.models import State
from headrace.store.state.notices import NoticeKind, list_open_notices, raise_notice
from headrace.store.state.resources import find_resource
from pair import Pair
from store.making import add_resource
from web.operators.entering import enter, look, play

GROUP = "kind=provision.failed&step=run_hook&reason=ConnectionError"


def fail(pair: Pair, *names: str, reason: str = "ConnectionError") -> list[str]:
    """Resources whose provision was given up, each with its notice."""
    with pair.parts.database.transaction() as connection:
        uuids = [add_resource(connection, name, state=State.FAILED, running=None) for name in names]
        for uuid in uuids:
            detail = {"step": "run_hook", "reason": reason}
            raise_notice(connection, uuid, NoticeKind.PROVISION_FAILED, now=pair.parts.clock(), **detail)
    return uuids


async def test_the_same_failure_is_one_incident(database_url: str) -> None:
    """By kind, step and error, with how often; the count of what is open stands in the bar of every page."""
    async with play(database_url) as pair:
        fail(pair, "a", "b", "c")
        fail(pair, "d", reason="<odd>")
        cookie, _ = await enter(pair)
        page, told = [await look(pair, f"/operators/incidents{form}", cookie) for form in ("", ".json")]
        other = await look(pair, "/operators/pipelines", cookie)
        case = await look(pair, f"/operators/notices?{GROUP}", cookie)

        assert [3, 1] == sorted((each["count"] for each in json.loads(told.text)["open"]), reverse=True)
        assert all(text in page.text for text in ("2 open incidents, 4 notices", "Provision failed", "&lt;odd&gt;"))
        assert 'class="count-badge">4<' in other.text
        assert 3 == case.text.count('<th scope="row">')
        assert "Abandon all" in case.text


async def test_an_order_for_a_group_asks_first_and_is_for_all_of_it(database_url: str) -> None:
    """The question says what will happen to how many; another group is left as it is."""
    async with play(database_url) as pair:
        uuids = fail(pair, "a", "b")
        fail(pair, "c", reason="TimeoutError")
        cookie, csrf = await enter(pair)
        path = f"/operators/incidents/abandon?{GROUP}"
        question = await look(pair, path, cookie)
        refused = await look(pair, path, cookie, form={"csrf": "wrong"})
        before = await pair.parts.database.read(list_open_notices)
        done = await look(pair, path, cookie, form={"csrf": csrf})
        after = await pair.parts.database.read(list_open_notices)
        rows = [await pair.parts.database.read(find_resource, uuid) for uuid in uuids]

        assert all(
            text in question.text for text in ("Abandon all 2 notices?", "No hook is called", "cannot be undone")
        )
        assert (403, 3, 1) == (refused.status, len(before), len(after))
        assert (303, "/operators/incidents?done=2&left=0") == (done.status, done.headers["Location"])
        assert [State.DEPROVISIONED] * 2 == [row.state for row in rows if row]


async def test_what_an_order_cannot_help_is_left_and_counted(sqlite_url: str) -> None:
    """Heroku gives a provision up after twelve hours: trying it again would make what nobody has."""
    clock = Clock()
    async with play(sqlite_url, clock=clock) as pair:
        fail(pair, "a")
        clock.advance(timedelta(hours=13))
        cookie, csrf = await enter(pair)
        done = await look(pair, f"/operators/incidents/retry?{GROUP}", cookie, form={"csrf": csrf})
        page = await look(pair, done.headers["Location"], cookie)

        assert "/operators/incidents?done=0&left=1" == done.headers["Location"]
        assert "1 notice is left" in page.text


async def test_settled_incidents_are_shown_for_some_days(sqlite_url: str) -> None:
    """What failed at night and was seen to is still to be read in the morning."""
    async with play(sqlite_url) as pair:
        fail(pair, "a", "b")
        cookie, csrf = await enter(pair)
        await look(pair, f"/operators/incidents/settle?{GROUP}", cookie, form={"csrf": csrf})
        told = json.loads((await look(pair, "/operators/incidents.json", cookie)).text)

        assert ([], [2]) == (told["open"], [each["count"] for each in told["settled"]])


@pytest.mark.parametrize("path", ["retry?kind=nothing", "retry?kind=event.failed", "forget?kind=provision.failed"])
async def test_an_order_that_there_is_not_is_404(sqlite_url: str, path: str) -> None:
    """A kind that nobody knows, an order that cannot help it, and one that nobody can give."""
    async with play(sqlite_url) as pair:
        cookie, _ = await enter(pair)

        assert 404 == (await look(pair, f"/operators/incidents/{path}", cookie)).status


async def test_a_token_refused_for_good_is_a_notice(sqlite_url: str) -> None:
    """Not at once, as a secret may be on its way; the resource's page does not say that nothing has changed."""
    clock = Clock()
    async with play(sqlite_url, clock=clock) as pair:
        addon = await provision(pair)
        pair.heroku.revoke_tokens(addon)
        await pair.parts.inspector.inspect_all([addon.id])
        early = await pair.parts.database.read(list_open_notices)
        clock.advance(timedelta(minutes=20))
        await pair.parts.inspector.inspect_all([addon.id])
        late = await pair.parts.database.read(list_open_notices)
        cookie, _ = await enter(pair)
        page = await look(pair, f"/operators/resources/{addon.id}", cookie)

        assert ([], [NoticeKind.TOKEN_REFUSED]) == (early, [notice.kind for notice in late])
        assert all(text in page.text for text in ("Check failed", "TokenRejected", "refused by Heroku"))
        assert "No change since" not in page.text
