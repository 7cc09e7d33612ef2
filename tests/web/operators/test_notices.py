"""What wants a person's eye, from when it is shown to when it is settled."""

import json

from headrace.models import State
from headrace.store.state.notices import PAGE, NoticeKind, list_open_notices, raise_notice
from store.making import NOON, add_resource
from web.operators.entering import enter, fail_provision, look, play


async def test_notices_and_timelines_are_shown(database_url: str) -> None:
    """Page and JSON: what is open, on which resource, in which state, and what happened to it."""
    async with play(database_url) as pair:
        uuid = await fail_provision(pair)
        cookie, _ = await enter(pair)
        home, told = [await look(pair, f"/operators/notices{form}", cookie) for form in ("", ".json")]
        timeline = await look(pair, f"/operators/resources/{uuid}", cookie)
        timeline_twin = json.loads((await look(pair, f"/operators/resources/{uuid}.json", cookie)).text)

        (odd,) = [each for each in json.loads(told.text)["notices"] if each["kind"] == NoticeKind.EVENT_FAILED]
        assert (uuid, "failed", {"reason": "<odd>"}) == (odd["resource_uuid"], odd["resource_state"], odd["detail"])
        means = f'href="/operators/definitions#{NoticeKind.EVENT_FAILED}"'
        shown = (NoticeKind.EVENT_FAILED, odd["resource_name"], "failed", "&lt;odd&gt;", means)
        assert all(text in home.text for text in shown)
        assert all(text in timeline.text for text in ("provision.failed", NoticeKind.EVENT_FAILED, uuid))
        assert ("failed", True) == (
            timeline_twin["resource"]["state"],
            "provision.failed" in [event["name"] for event in timeline_twin["events"]],
        )


async def test_a_notice_is_settled_by_its_button(database_url: str) -> None:
    """Once settled it is not open any more; settling it twice is as good."""
    async with play(database_url) as pair:
        await fail_provision(pair)
        cookie, csrf = await enter(pair)
        open_now = await pair.parts.database.read(list_open_notices)
        (odd,) = [notice for notice in open_now if notice.kind == NoticeKind.EVENT_FAILED]
        path = f"/operators/notices/{odd.id}/settle"
        refused = await look(pair, path, cookie, form={"csrf": "wrong"})
        still = await pair.parts.database.read(list_open_notices)
        pages = [await look(pair, path, cookie, form={"csrf": csrf}) for _ in range(2)]
        left = await pair.parts.database.read(list_open_notices)

        assert (403, open_now) == (refused.status, still)
        assert [(303, "/operators/notices")] * 2 == [(page.status, page.headers["Location"]) for page in pages]
        assert NoticeKind.EVENT_FAILED not in [notice.kind for notice in left]


async def test_older_notices_are_on_the_next_page(database_url: str) -> None:
    """By the id of the last one, and back by that of the first; behind the last page there is none, and a way back."""
    async with play(database_url) as pair:
        with pair.parts.database.transaction() as connection:
            for number in range(PAGE + 1):
                uuid = add_resource(connection, f"acme-{number}", state=State.DEPROVISIONED, running=None)
                raise_notice(connection, uuid, NoticeKind.EVENT_FAILED, now=NOON)
        cookie, _ = await enter(pair)
        first = json.loads((await look(pair, "/operators/notices.json", cookie)).text)
        page = await look(pair, "/operators/notices", cookie)
        older = f"/operators/notices{{}}?before={first['older']}"
        second = json.loads((await look(pair, older.format(".json"), cookie)).text)
        newer = f"/operators/notices{{}}?back_before={second['newer']}"
        back = json.loads((await look(pair, newer.format(".json"), cookie)).text)
        second_page = await look(pair, older.format(""), cookie)
        last = await look(pair, "/operators/notices?before=1", cookie)

        assert (PAGE, 1, None) == (len(first["notices"]), len(second["notices"]), second["older"])
        assert (None, first) == (first["newer"], back)
        assert newer.format("") in second_page.text
        assert all(text in page.text for text in (f"{PAGE + 1} open notices", older.format("")))
        assert all(text in last.text for text in ("There are no older ones.", 'href="/operators/notices">First'))
