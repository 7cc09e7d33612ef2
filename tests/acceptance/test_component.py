"""<headrace-board>, the web component, inside a page that is not ours: what it shows, and what it bears."""

from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from acceptance.judging import Watch, find_faults, find_violations
from acceptance.stand import Stand
from headrace.inspector.board import PlacedResource
from headrace.models import Stage
from scenes import NOON, SCENES, change_some, make_id, place, place_pipeline, place_reviews

pytestmark = pytest.mark.acceptance

HOUR = timedelta(hours=1)
SHOWN = """board.shadowRoot.querySelector(".groups").innerHTML.replace(/ open=""/g, "")"""


def open_stand(browser: Browser, scene: str = "five-pipelines", **page: Any) -> tuple[Stand, Page]:
    stand = Stand(browser.new_page(**page))
    stand.show(scene)
    stand.open()
    return stand, stand.page


def find_lane(page: Page, title: str) -> Locator:
    return page.locator(".lane").filter(has=page.locator("h2 bdi").get_by_text(title, exact=True))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("scene", [scene for scene in SCENES if scene != "2000-resources"])
def test_nothing_is_wrong_with_the_component(browser: Browser, scene: str, scheme: Literal["light", "dark"]) -> None:
    """Whatever the board holds: axe is content, nothing sticks out, and the strictest policy that we know of holds."""
    stand = Stand(browser.new_page(color_scheme=scheme))
    watch = Watch(stand.page)
    stand.show(scene)
    stand.open()
    expect(stand.page.get_by_role("status")).to_contain_text("up to date")

    assert [] == find_faults(stand.page)
    assert ([], {"acme.test"}) == (watch.complaints, watch.hosts)


def test_the_component_groups_as_the_board_does(browser: Browser) -> None:
    """Pipelines, their stages in order of flow, the card that the person came from, figures with their trend."""
    _, page = open_stand(browser)
    shop = find_lane(page, "shop")

    expect(page.locator(".lane h2 bdi")).to_have_text(
        ["atlas", "billing", "help-centre", "ledger-api", "shop", "Not in a pipeline"]
    )
    shop.locator("summary").first.click()
    expect(shop.get_by_role("heading", level=3)).to_have_text(
        ["Development 1", "Review 1", "Test 1", "Staging 1", "Production 1"]
    )
    expect(
        shop.locator("[data-stage=staging] .card").get_by_role("link", name="shop-staging-0", exact=True)
    ).to_have_attribute("href", "https://acme.example/indexes/1")
    expect(page.locator("[data-origin]")).to_have_count(1)
    expect(shop.locator("[data-stage=production] dl")).to_have_text("Documents12,408Queries, last day222,222")
    expect(shop.locator("[data-stage=production] svg polyline")).to_have_count(1)


def test_the_component_finds_cards_and_leads_to_heroku(browser: Browser) -> None:
    """Every word that is typed has to be there, the stage's and the pipeline's too; what matches nothing is said."""
    _, page = open_stand(browser)
    search, shown = page.get_by_role("searchbox"), page.locator(".card:visible h4 bdi, .card:visible h3 bdi")
    search.fill("billing staging")
    expect(shown).to_have_text(["billing-staging-0"])
    expect(find_lane(page, "billing").get_by_role("link", name="Pipeline billing on Heroku")).to_have_attribute(
        "href", f"https://dashboard.heroku.com/pipelines/{make_id('billing')}"
    )
    expect(page.get_by_role("link", name="billing-staging-0 on Heroku")).to_have_attribute(
        "href", "https://dashboard.heroku.com/apps/billing-staging-0"
    )
    search.fill("billing nowhere")
    expect(shown).to_have_count(0)
    expect(page.get_by_text("Nothing shown here matches.")).to_be_visible()


def test_the_component_says_what_is_not_known(browser: Browser) -> None:
    """States as words, what is stale, what moved, what Heroku did not tell and why."""
    _, page = open_stand(browser, "errors")

    find_lane(page, "Pipeline not known").locator("summary").click()
    for text in (
        "deprovisioning",
        "failed",
        "moved from development 1 h ago",
        "stale, checked 3 h ago",
        "Heroku has not answered for 1 of 7 apps of this pipeline for 3 h. Stages are shown as last read.",
        "Heroku does not show this app to the add-on.",
        "Heroku does not let the add-on read this app's pipeline.",
        "Heroku was not asked yet.",
        "The index is being built.",
    ):
        expect(page.get_by_text(text, exact=True).first).to_be_visible()
    expect(page.get_by_role("heading", name="Sandbox 1")).to_be_visible()


def test_nothing_of_a_boards_text_becomes_markup(browser: Browser) -> None:
    """A name may hold tags, a link may hold a script: the one is shown, the other left out."""
    stand, page = open_stand(browser, "nothing")
    stand.show("names")
    hostile = next(each for each in stand.board["pipelines"] if each["name"].startswith('">'))
    hostile["stages"]["production"][0]["panel"]["href"] = "javascript:window.ran = 1"
    page.reload()
    section = page.locator(".lane").filter(has_text="onerror").first

    expect(section.locator("h2 bdi")).to_have_text('"><img src=x onerror=alert(1)><script>alert(2)</script>')
    expect(section.locator("img, script, a:not([href^='https://dashboard.heroku.com/'])")).to_have_count(0)
    expect(section.locator(".card")).to_have_count(1)


def test_a_move_appears_in_the_component(browser: Browser) -> None:
    """At the next look; it is said aloud, and what was unfolded and focused stays so."""
    stand, page = open_stand(browser, "300-review-apps")
    page.get_by_text("298 more review apps, 7 failed").click()
    page.get_by_role("link", name="shop-staging-0", exact=True).focus()
    stages = stand.board["pipelines"][0]["stages"]
    stages["production"] += stages.pop("staging")

    expect(page.locator("[data-stage=production] h4")).to_have_text(["shop-production-0", "shop-staging-0"])
    expect(page.get_by_role("status")).to_contain_text("shop-staging-0 is now in production")
    expect(page.get_by_role("link", name="shop-staging-0", exact=True)).to_be_focused()
    expect(page.locator("details.more")).to_have_attribute("open", "")


def test_a_known_board_is_not_sent_again(browser: Browser) -> None:
    """The component names the version that it has."""
    stand, page = open_stand(browser)
    expect(page.get_by_role("status")).to_contain_text("up to date")
    page.evaluate("document.querySelector('headrace-board').refresh()")

    expect(page.get_by_role("status")).to_contain_text("up to date")
    assert [200, 304] == stand.answered[:2]


def test_the_component_says_when_it_is_not_current(browser: Browser) -> None:
    """What it shows stays, said to be old, until there is an answer again."""
    stand, page = open_stand(browser)
    status = page.get_by_role("status")
    expect(status).to_contain_text("up to date")
    stand.status = 503
    refresh = "document.querySelector('headrace-board').refresh()"
    page.evaluate(f"{refresh}.then(() => {refresh})")

    expect(status).to_contain_text("26 resources in 5 pipelines: all provisioned, not current, no answer for")
    expect(page.locator(".card")).to_have_count(26)
    stand.status = 200
    page.evaluate(refresh)
    expect(status).to_contain_text("up to date")


def test_an_answer_that_is_no_board_does_not_end_the_looking(browser: Browser) -> None:
    """It is a look in vain, and the next one may bring a board."""
    stand = Stand(browser.new_page(), board={"pipelines": "none"})
    stand.open()
    status = stand.page.get_by_role("status")
    expect(status).to_have_text("The board cannot be read now. It is tried again.")
    stand.show("one")
    stand.page.evaluate("document.querySelector('headrace-board').refresh()")

    expect(status).to_contain_text("1 resource in 1 pipeline: provisioned, up to date")


def open_placed(browser: Browser, resources: list[PlacedResource]) -> tuple[Stand, Page]:
    """Open a page whose host hands on all that the component asks."""
    stand = Stand(browser.new_page())
    stand.place(resources)
    stand.open()
    expect(stand.page.get_by_role("status")).to_contain_text("up to date")
    return stand, stand.page


def list_news(stand: Stand) -> list[str]:
    """How what is new was asked for. The component looks by itself too, and a look that begins ends one under way."""
    return [method for method, length in stand.asked if length or method == "POST"]


def look_again(page: Page) -> str:
    """Look at once, and return what is shown; what is unfolded there is not how it came."""
    look = f"board => board.refresh().then(() => {SHOWN})"
    return str(page.locator("headrace-board").evaluate(look))


def look_afresh(page: Page) -> str:
    """Return what a component shows that comes to the page now."""
    look = f"""async had => {{
        const board = had.cloneNode();
        had.before(board);
        await board.refresh();
        const shown = {SHOWN};
        board.remove();
        return shown;
    }}"""
    return str(page.locator("headrace-board").evaluate(look))


def test_of_a_move_the_component_is_sent_one_card(browser: Browser) -> None:
    """On a board of 2,000 at most 10 KB, of which it shows what one that reads the whole board does."""
    resources = SCENES["2000-resources"]()
    stand, page = open_placed(browser, resources)
    moved = replace(resources[-5], stage=Stage.STAGING, moved_from=Stage.PRODUCTION, moved_at=NOON - HOUR)
    stand.asked.clear()
    stand.place([*resources[:-5], moved, *resources[-4:]])
    shown = look_again(page)

    assert {"POST"} == set(list_news(stand))
    assert sum(length for _, length in stand.asked) <= 10_000
    expect(page.get_by_role("status")).to_contain_text(f"{moved.app.name} is now in staging")
    expect(page.locator(".card")).to_have_count(2000)
    assert look_afresh(page) == shown


def test_whatever_happens_the_component_shows_what_a_fresh_one_does(browser: Browser) -> None:
    """Random changes of a board, of which it is sent what has changed; and all where Heroku does not confirm all."""
    random = Random(20261201)
    resources = [*place_pipeline("atlas", each=4), *place_reviews("shop", 12), place("notes", None)]
    stand, page = open_placed(browser, resources)
    for number in range(20):
        resources = change_some(random, resources)
        if number % 10 == 9:
            stand.place(resources[1:], is_confirmed=False)
            look_again(page)
        stand.place(resources)

        assert look_again(page) == look_afresh(page)

    assert list_news(stand).count("POST") >= 20


@pytest.mark.parametrize("status", [400, 403, 404, 405, 413, 500])
def test_where_nobody_may_say_what_they_have_the_whole_is_read(browser: Browser, status: int) -> None:
    """An older service, or a host that guards every POST: nothing is missed, and nobody is shut out."""
    resources = [*place_pipeline("atlas"), *place_reviews("shop", 3)]
    stand, page = open_placed(browser, resources)
    stand.declines = status
    stand.asked.clear()
    stand.place(resources[1:])
    shown = look_again(page)

    assert ["POST", "GET"] == list_news(stand)[-2:]
    assert look_afresh(page) == shown
    expect(page.locator(".card")).to_have_count(len(resources) - 1)
    expect(page.get_by_role("status")).to_contain_text("up to date")


def test_after_a_look_in_vain_the_whole_is_read(browser: Browser) -> None:
    """A host may fail at whatever is new to it."""
    resources = place_pipeline("atlas")
    stand, page = open_placed(browser, resources)
    stand.status = 502
    look_again(page)
    stand.asked.clear()
    stand.status = 200
    stand.place(resources[1:])
    look_again(page)

    assert {"GET"} == set(list_news(stand))
    expect(page.locator(".card")).to_have_count(len(resources) - 1)


@pytest.mark.parametrize(("declines", "asked", "shown"), [(0, "POST", 23), (405, "GET", 25)])
def test_figures_are_asked_for_where_a_lane_is_unfolded(
    browser: Browser, declines: int, asked: str, shown: int
) -> None:
    """At once, and not for the two that stay folded; where nobody may say what is in sight, the whole is read."""
    stand = Stand(browser.new_page(), declines=declines, spares_panels=True)
    stand.place([*place_pipeline("atlas", each=4), *place_pipeline("shop", each=1)])
    stand.open()
    page = stand.page
    figures = page.locator("[data-slot=partner]")
    expect(figures).to_have_count(18)
    stand.asked.clear()
    find_lane(page, "shop").locator("summary").first.click()

    expect(figures).to_have_count(shown)
    assert asked == list_news(stand)[-1]


@pytest.mark.parametrize(
    ("board", "said"),
    [
        ({"message": "Heroku does not tell now who has access to the app."}, "Heroku does not tell now who has access"),
        (None, "The board cannot be read now. It is tried again."),
    ],
)
def test_a_board_that_never_came_says_why(browser: Browser, board: Any, said: str) -> None:
    """In the words of the answer, where it has some."""
    stand = Stand(browser.new_page(), board=board, status=503)
    stand.open()

    expect(stand.page.get_by_role("status")).to_contain_text(said)


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_whoever_lost_access_loses_the_component_at_its_next_look(browser: Browser, status: int) -> None:
    """Nothing of the board stays on the page, and nothing is asked for any more."""
    stand, page = open_stand(browser)
    expect(page.locator(".card")).to_have_count(26)
    stand.status, stand.board = status, {"message": "This person has no access to the app."}
    page.evaluate("document.querySelector('headrace-board').refresh()")

    expect(page.get_by_role("status")).to_have_text("This person has no access to the app.")
    expect(page.locator(".card")).to_have_count(0)
    asked = len(stand.answered)
    page.clock.install()
    page.clock.run_for(120_000)
    assert asked == len(stand.answered)


def test_the_page_says_how_the_component_looks(browser: Browser) -> None:
    """Its scheme is the page's, its tokens are set from outside, its parts are styled by name."""
    style = """:root { color-scheme: light } headrace-board { --surface: rgb(1, 2, 3) }
    headrace-board::part(app) { letter-spacing: 3px }"""
    stand = Stand(browser.new_page(color_scheme="dark"), style=style)
    stand.show("one")
    stand.open()
    card = stand.page.locator(".card")
    read = "(element, name) => getComputedStyle(element)[name]"

    assert "rgb(1, 2, 3)" == card.evaluate(read, "backgroundColor")
    assert "3px" == card.get_by_role("heading").evaluate(read, "letterSpacing")
    light = card.evaluate(read, "color")
    stand.page.evaluate("document.querySelector('headrace-board').dataset.theme = 'dark'")
    assert light != card.evaluate(read, "color")


@pytest.mark.parametrize(("ground", "ink"), [("rgb(17, 24, 29)", "white"), ("oklch(0.96 0.01 80)", "black")])
def test_the_component_fits_the_ground_of_a_page_that_says_nothing(browser: Browser, ground: str, ink: str) -> None:
    """Such a page has no `color-scheme`, whatever its visitor likes; a text is read on its own ground all the same."""
    stand = Stand(browser.new_page(color_scheme="dark"), style=f"body {{ background: {ground}; color: {ink} }}")
    stand.show("one")
    stand.open()
    expect(stand.page.locator(".card")).to_be_visible()

    assert [] == find_violations(stand.page)


def test_the_component_is_laid_out_by_its_own_width(browser: Browser) -> None:
    """In a narrow column of a wide page its stages stand below each other, as on a phone."""
    _, page = open_stand(browser)
    stages = page.locator(".lane").first.locator("section.stage")
    expect(stages).to_have_count(5)
    count_rows = "sections => new Set(sections.map(section => section.getBoundingClientRect().top)).size"
    wide = stages.evaluate_all(count_rows)
    page.evaluate("document.querySelector('main').style.setProperty('width', '400px')")

    assert (1, 5) == (wide, stages.evaluate_all(count_rows))


def test_the_component_is_reached_by_keys(browser: Browser) -> None:
    """Every link and every fold, by Tab; Enter unfolds."""
    _, page = open_stand(browser, "300-review-apps")
    expect(page.locator(".card").first).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator(".lane > summary")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".card").first).to_be_hidden()
    page.keyboard.press("Enter")
    for name in ("Pipeline shop on Heroku", "shop-development-0", "shop-development-0 on Heroku"):
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name=name, exact=True)).to_be_focused()


def test_a_component_that_is_taken_away_asks_no_more(browser: Browser) -> None:
    """A page that shows something else in its place is left alone."""
    stand, page = open_stand(browser)
    expect(page.locator(".card").first).to_be_visible()
    page.clock.install()
    page.evaluate("document.querySelector('headrace-board').remove()")
    asked = len(stand.answered)
    page.clock.run_for(120_000)

    assert asked == len(stand.answered)
