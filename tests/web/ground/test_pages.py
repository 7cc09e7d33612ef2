import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest

from headrace.face import Link
from headrace.hooks.panel import Figure, Panel
from headrace.inspector.board import Board, PlacedResource, build_board
from headrace.models import Outcome, Ref, Stage, State
from headrace.web.ground.pages import (
    BackLink,
    BoardContext,
    Face,
    MessageContext,
    draw_sparkline,
    find_static,
    render,
)

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SHOP = Ref(id="01234567-89ab-cdef-0123-456789abcdef", name="shop")


class Page(HTMLParser):
    """What a browser would see: every element with its attributes, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.pieces: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.pieces).split())

    def find(self, tag: str, **attributes: str) -> list[dict[str, str]]:
        return [found for name, found in self.elements if name == tag and attributes.items() <= found.items()]


def place(app: str, stage: Stage | str | None = Stage.PRODUCTION, **changes: Any) -> PlacedResource:
    fields: dict[str, Any] = {
        "uuid": f"uuid-{app}",
        "name": f"acme-{app}",
        "plan": "basic",
        "region": "us-east-1",
        "state": State.PROVISIONED,
        "app": Ref(id=f"id-{app}", name=app),
        "pipeline": SHOP,
        "stage": stage,
        "since": NOON - timedelta(days=9),
        "checked_at": NOON - timedelta(minutes=2),
        "outcome": Outcome.PLACED,
    }
    return PlacedResource(**(fields | changes))


def show(*resources: PlacedResource, opened: str | None = None, **changes: Any) -> Page:
    return show_board(build_board(resources, opened=opened, now=NOON, stale_after=timedelta(hours=1)), **changes)


def show_board(board: Board, **changes: Any) -> Page:
    settings: dict[str, Any] = {
        "service_name": "Acme Search",
        "slug": "acme-search",
        "email": "ada@lumen.example",
        "back": BackLink(app="web", href="https://dashboard.heroku.com/apps/web"),
        "csrf": "token-1",
        "check_interval": timedelta(minutes=5),
        "version": "v1",
    }
    return Page(render(BoardContext(board=board, **(settings | changes))))


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "\u202eevil", "x" * 200]
)
def test_a_hostile_name_is_only_text(name: str) -> None:
    """Whoever names an app writes no HTML, and turns no direction but its own."""
    pipeline = Ref(id=SHOP.id, name=name)
    panel = Panel(figures=(Figure(label=name[:40], value=name[:24]),))
    page = show(
        place(name, name, pipeline=pipeline, plan=name, moved_from=name, moved_at=NOON, panel=panel),
        email=name,
        back=BackLink(app=name, href="https://dashboard.heroku.com/apps/1"),
    )

    assert name in page.text
    assert ([find_static("board.js")], []) == ([found.get("src") for found in page.find("script")], page.find("img"))
    assert page.find("bdi")


def test_a_page_keeps_to_the_strict_policy() -> None:
    """No inline script or style, no handler: our own files are the only things loaded."""
    figure = Figure(label="Queries", value=3, trend=(1, 2, 3))
    page = show(place("web", panel=Panel(figures=(figure,))), place("ci", Stage.TEST))

    assert ([{"src": find_static("board.js"), "defer": ""}], []) == (page.find("script"), page.find("style"))
    assert [] == [name for _, found in page.elements for name in found if name == "style" or name.startswith("on")]
    assert [find_static("icon.svg"), find_static("style.css")] == [link["href"] for link in page.find("link")]
    assert ["5"] == [found["data-columns"] for found in page.find("div") if "data-columns" in found]


def test_every_time_has_its_exact_moment() -> None:
    """Relative for reading, exact for whoever needs it."""
    page = show(
        place("web", moved_from="staging", moved_at=NOON - timedelta(hours=2)),
        place("pr", Stage.REVIEW, checked_at=NOON - timedelta(hours=3)),
    )
    times = page.find("time")

    assert times
    for found in times:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", found["datetime"])
        assert f"{found['datetime'][:10]} {found['datetime'][11:19]} UTC" == found["title"]
    assert "moved from staging 2 h ago" in page.text


@pytest.mark.parametrize("state", [state for state in State if state is not State.DEPROVISIONED])
def test_a_state_is_a_word_beside_its_shape(state: State) -> None:
    """Colour never says it alone."""
    page = show(place("web", state=state))

    assert page.find("span", **{"class": "state", "data-state": state.value})
    assert f"web{state.value}" in page.text


def test_the_opened_resource_is_marked() -> None:
    """It is the one that the person came from."""
    page = show(place("web"), place("api"), opened="uuid-web")

    assert 1 == len([found for found in page.find("article") if "data-origin" in found])
    assert "You opened this one" in page.text
    assert "You opened web provisioned production in shop basic plan" in page.text


def test_a_stale_pipeline_says_so_and_why() -> None:
    """Cause, what is shown meanwhile, and the next try."""
    page = show(place("web", checked_at=NOON - timedelta(hours=3)))

    assert "stale, checked 3 h ago" in page.text
    assert "Heroku has not answered for this pipeline since 09:00 UTC." in page.text
    assert "Stages are shown as last read. The next try is within 5 minutes." in page.text


def test_a_partly_stale_pipeline_counts_its_silent_apps() -> None:
    """A fresh sibling is not accused."""
    page = show(place("web", checked_at=NOON - timedelta(hours=3)), place("api"))

    assert "has not answered for 1 of 2 apps of this pipeline" in page.text


def test_review_apps_fold_after_the_third() -> None:
    """The summary says how many failed among the folded."""
    failed = State.FAILED
    page = show(
        *(
            place(f"pr-{n}", "review", since=NOON - timedelta(days=n), state=failed if n == 5 else State.PROVISIONED)
            for n in range(6)
        )
    )

    assert "3 more review apps, 1 failed" in page.text
    assert page.text.index("pr-2") < page.text.index("3 more review apps") < page.text.index("pr-3")


def test_the_opened_review_app_is_never_folded() -> None:
    """However old it is."""
    page = show(*(place(f"pr-{n}", "review", since=NOON - timedelta(days=n)) for n in range(6)), opened="uuid-pr-5")

    assert page.text.index("pr-5") < page.text.index("2 more review apps")


def test_an_empty_stage_keeps_its_place() -> None:
    """With its count, in the head of all pipelines, in the line of this one and above its cards."""
    page = show(place("web"))

    assert "Review 0" in page.text
    assert ["development", "review", "staging", "production"] * 2 == [found["data-stage"] for found in page.find("i")][
        :8
    ]


def test_not_told_and_not_coupled_have_different_marks() -> None:
    """One is Heroku's answer, the other is none."""
    page = show(
        place("alone", None, pipeline=None, outcome=Outcome.UNCOUPLED),
        place("hidden", None, pipeline=None, outcome=Outcome.FORBIDDEN),
    )

    assert ["none", "unknown"] == [found["data-stage"] for found in page.find("i")]
    assert "Not in a pipeline" in page.text
    assert "Pipeline not known" in page.text


def test_what_was_opened_comes_first_and_is_led_to() -> None:
    """Its pipeline stands before others, whatever their names; each link has its target, and no id is used twice."""
    namesake = Ref(id="11234567-89ab-cdef-0123-456789abcdef", name="shop")
    page = show(
        place("a"), place("b", pipeline=namesake), place("c", None, pipeline=None, outcome=None), opened="uuid-b"
    )
    ids = [found["id"] for _, found in page.elements if "id" in found]
    targets = [found["href"][1:] for found in page.find("a") if found["href"].startswith("#")]

    assert [namesake.id, SHOP.id, "unknown"] == [found["id"] for found in page.find("details", **{"class": "lane"})]
    assert {"resource-uuid-b", namesake.id, "main"} == set(targets)
    assert set(targets) <= set(ids)
    assert len(set(ids)) == len(ids)


def test_stages_stand_below_each_other() -> None:
    """Every pipeline has a column for each stage that one of them has: one has test apps, the other does not."""
    other = Ref(id="11234567-89ab-cdef-0123-456789abcdef", name="blog")
    page = show(place("web"), place("ci", Stage.TEST, pipeline=other))
    stages = [found["data-stage"] for found in page.find("section") if "data-stage" in found]

    assert ["development", "review", "test", "staging", "production"] * 2 == stages


def test_a_failed_card_says_why() -> None:
    """What the customer was told, what to do, and none of the figures of something that never was."""
    panel = Panel(figures=(Figure(label="Documents", value=3),))
    page = show(place("web", state=State.FAILED, message="There is no room in this region.", panel=panel))

    assert "There is no room in this region. Remove the add-on and add it again, or ask" in page.text
    assert "Documents" not in page.text


def test_cards_and_pipelines_lead_to_heroku() -> None:
    """Each to its own page there; an app whose name is not known does not."""
    page = show(place("web"), replace(place("x"), app=Ref(id="id-x", name=None)))
    links = [found["href"] for found in page.find("a", **{"class": "out"})]

    assert [f"https://dashboard.heroku.com/pipelines/{SHOP.id}", "https://dashboard.heroku.com/apps/web"] == links


def test_where_not_all_is_confirmed_nothing_is_counted_or_denied() -> None:
    """No number, no empty stage, no word that there is nothing more; and it is said that there may be."""
    board = build_board([place("web")], opened="uuid-web", now=NOON, stale_after=timedelta(hours=1))
    page = show_board(replace(board, is_confirmed=False))

    assert "Heroku has not confirmed everything, so this page may not be complete" in page.text
    assert "Hidden does not mean gone" in page.text
    assert ([], []) == (page.find("section", **{"class": "stage dry"}), page.find("span", **{"class": "reach dry"}))
    assert 3 == page.text.count("Not shown")
    for said in ("1 resource", "1 pipeline", "Review 0", "Production 1", "all provisioned", "addons:create"):
        assert said not in page.text


def test_a_partners_own_face_is_on_the_board() -> None:
    """Logo, colours, the way to the product, and links."""
    link = Link(words="Docs", href="https://acme.example/docs")
    face = Face(logo="/face/logo?v=1", sheet="/face/style.css?v=1", home="https://acme.example", links=(link,))
    page = show(place("web"), face=face)

    assert [{"class": "logo", "src": "/face/logo?v=1", "alt": ""}] == page.find("img")
    assert "/face/style.css?v=1" in [found["href"] for found in page.find("link")]
    assert page.find("a", href="https://acme.example", **{"class": "brand"})
    assert page.find("a", href="https://acme.example/docs")


def test_check_now_is_a_form_with_its_token() -> None:
    """A link in a mail cannot press it."""
    page = show(place("web"))

    assert [
        {"method": "post", "action": "/board/check", "id": "check"},
        {"method": "post", "action": "/board/logout"},
    ] == page.find("form", method="post")
    assert [{"type": "hidden", "name": "csrf", "value": "token-1"}] * 2 == page.find("input", name="csrf")


def test_a_panel_fills_its_slot() -> None:
    """Figures, their trend, and the way into the partner's product."""
    figure = Figure(label="Documents", value=2_414_000, trend=(1, 2))
    page = show(place("web", panel=Panel(figures=(figure,), href="https://acme.example/1?a=b&c=d")))

    assert "2.41 M" in page.text
    assert [{"points": "0.0,15.0 44.0,1.0"}] == page.find("polyline")
    assert page.find("a", href="https://acme.example/1?a=b&c=d")


def test_an_empty_board_shows_the_command() -> None:
    """Nothing to see is no dead end."""
    page = show()

    assert "No resources yet" in page.text
    assert "heroku addons:create acme-search --app your-app" in page.text


def test_the_footer_promises_the_real_interval() -> None:
    """Heroku sends no notice of a move."""
    assert "A move shows here within 2 hours." in show(place("web"), check_interval=timedelta(hours=2)).text


@pytest.mark.parametrize(
    ("trend", "points"), [((5, 5, 5), "0.0,8.0 22.0,8.0 44.0,8.0"), ((0, 10, 5), "0.0,15.0 22.0,1.0 44.0,8.0")]
)
def test_a_trend_becomes_a_line(trend: tuple[float, ...], points: str) -> None:
    """The highest is at the top, and a flat one runs in the middle."""
    line = draw_sparkline(trend)

    assert line
    assert points == line.points


def test_a_single_value_has_no_trend() -> None:
    """There is nothing to draw."""
    assert draw_sparkline((1,)) is None


def test_a_message_says_what_happened_and_what_to_do() -> None:
    """Escaped like everything else."""
    page = Page(
        render(
            MessageContext(
                title="Not found",
                text="There is no <b>board</b> here.",
                service_name="Acme Search",
                status=404,
                hint="Open it from Heroku.",
            )
        )
    )

    assert "There is no <b>board</b> here. Open it from Heroku. Status 404" in page.text
    assert 1 == len(page.find("h1"))
