"""A customer compares the stages of a pipeline, now and as of a day; what they may not see is not there."""

from datetime import UTC, date, datetime, timedelta

import pytest

from browsing import log_in, provision, visit
from headrace.emulator import Clock
from headrace.hooks.panel import Figure, Panel
from headrace.models import Stage
from headrace.store.state.panel_metrics import save_panel_metrics
from headrace.web.customers.comparing import LONGEST, draw_ticks, read_day
from pair import GRACE, Acme, play_pair

DAYS = ("", "?on=2026-11-02", "?on=2026-11-03")
MONDAY = datetime(2026, 11, 2, 9, tzinfo=UTC)


async def test_stages_are_compared_now_and_on_a_day(database_url: str) -> None:
    """A move made yesterday is on the page of today, and not on that of the day before."""
    clock = Clock()
    clock.set(MONDAY)
    async with play_pair(database_url, clock=clock) as pair:
        staging, _ = await provision(pair, "shop-staging"), await provision(pair, "shop")
        clock.advance(timedelta(days=1))
        pair.heroku.move("shop-staging", Stage.DEVELOPMENT)
        await pair.parts.inspector.inspect(staging.id)
        cookie = await log_in(pair, staging)
        coupling = pair.heroku.state.apps["shop"].coupling
        assert coupling is not None
        path = f"/board/pipelines/{coupling.pipeline.id}"
        board = await visit(pair, "/board", cookie=cookie)
        today = await visit(pair, path, cookie=cookie)
        monday = await visit(pair, f"{path}?on=2026-11-02", cookie=cookie)

        assert f'href="{path}"' in board.text
        assert (200, True) == (today.status, "There is no staging beside production to compare now" in today.text)
        assert (200, True) == (monday.status, "on 2 Nov 2026" in monday.text)
        assert "There is no staging beside production" not in monday.text
        assert "?on=2026-11-03" in today.text


async def test_on_a_day_of_the_past_the_numbers_stand_that_were_kept_of_it(sqlite_url: str) -> None:
    """And those of today where none is kept; a figure on the card and a metric of one name are one row."""
    documents = Figure(label="Documents", value=20)
    panel = Panel(figures=(documents,), metrics={"documents": 20, "queries": 3})
    clock = Clock()
    clock.set(MONDAY)
    async with play_pair(sqlite_url, acme=Acme(panel=lambda _: panel), clock=clock) as pair:
        staging, _ = await provision(pair, "shop-staging"), await provision(pair, "shop")
        coupling = pair.heroku.state.apps["shop"].coupling
        assert coupling is not None
        kept = {"documents": 7}
        await pair.parts.database.write(save_panel_metrics, staging.id, MONDAY.date(), kept)
        clock.advance(timedelta(days=2))
        cookie = await log_in(pair, staging)
        path = f"/board/pipelines/{coupling.pipeline.id}"
        pages = [(await visit(pair, f"{path}{day}", cookie=cookie)).text for day in DAYS]
        now, monday, tuesday = (page[page.index("Side by side") :] for page in pages)

        assert (1, True) == (now.count(">Documents</th>"), ">Queries</th>" in now)
        assert (True, False) == (">7<" in monday, ">20<" in monday)
        assert "are those that were kept of the day" in monday
        assert ">20<" in tuesday
        assert "none is kept of the day" in tuesday


async def test_a_pipeline_that_somebody_may_not_see_is_none(sqlite_url: str) -> None:
    """As one that there is not; without a session there is no page at all."""
    async with play_pair(sqlite_url) as pair:
        addon, _ = await provision(pair, "ada-notes"), await provision(pair, "shop")
        coupling = pair.heroku.state.apps["shop"].coupling
        assert coupling is not None
        cookie = await log_in(pair, addon, GRACE)
        paths = [f"/board/pipelines/{each}" for each in (coupling.pipeline.id, "01234567-89ab-cdef-0123-456789abcdef")]
        answers = [await visit(pair, path, cookie=cookie) for path in paths]
        stranger = await visit(pair, paths[0])

        assert [404, 404, 401] == [answer.status for answer in (*answers, stranger)]
        assert answers[0].text == answers[1].text


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-11-01", date(2026, 11, 1)),
        ("2026-11-02", None),
        ("2999-01-01", None),
        ("0001-01-01", MONDAY.date() - LONGEST),
        ("20261101", None),
        ("2026-13-01", None),
        ("'<b>", None),
    ],
)
def test_a_day_is_read(text: str, day: date | None) -> None:
    """Today and what is no day are now; the past has an end."""
    assert day == read_day(text, MONDAY)


def test_ticks_are_mondays() -> None:
    """Not more than there is room for; in a week there is one each day."""
    year = draw_ticks(MONDAY - timedelta(days=350), MONDAY)
    week = draw_ticks(MONDAY - timedelta(days=3), MONDAY)

    assert (True, True) == (len(year) <= 8, all(tick.text for tick in year))
    assert ["30 Oct", "31 Oct", "1 Nov", "2 Nov"] == [tick.text for tick in week]
