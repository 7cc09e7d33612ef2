"""The console, worked as a person does: by what the page shows."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest

from emulator.local.person import ConsolePage, Element, Person, read_form
from emulator.partner import RawPartner, accept_for_later, answer
from emulator.wire import CLIENT_SECRET, Wire
from headrace.emulator import Emulator, Fault, load_world, run
from headrace.emulator.kit.switches import Switches, read_explanations
from headrace.emulator.local.console_view import SHOWN_APPS, SHOWN_CHARACTERS, SHOWN_EXCHANGES, lay_out
from headrace.emulator.world.traffic import Exchange
from headrace.models import Stage

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def person(wire: Wire) -> Person:
    return Person(wire)


async def open_app(person: Person, name: str) -> Element:
    """Follow the link of an app, and return what it opens."""
    page = await person.look()
    link = next(found for found in page.root.find("a") if found.text == name)
    page = await person.look(link.attributes["href"].partition("#")[0])
    return page.root.find("li", id="selected")[0]


async def test_apps_stand_by_pipeline_in_the_order_of_stages(heroku: Emulator, person: Person) -> None:
    """Every pipeline is a panel, code flows down it, and what is in none comes last."""
    await heroku.create_addon("storefront-dev", "acme-search:basic")
    page = await person.look()
    rows = [row.text for row in page.panel("storefront").find("li")]

    assert [
        "storefront-dev development provisioned",
        "storefront-pr-411 review Provision acme-search:free on storefront-pr-411",
    ] == rows[:2]
    assert ["storefront-ci", "storefront-staging", "storefront"] == [row.split()[0] for row in rows[4:]]
    headings = [heading.text for heading in page.root.find("h2")]
    assert headings.index("storefront") < headings.index("Not in a pipeline")


async def test_an_addon_is_provisioned_by_a_button_and_shown(heroku: Emulator, person: Person) -> None:
    """The button of a row takes the default plan; then the app is open, with its add-on."""
    page = await person.look()
    row = next(row for row in page.panel("storefront").find("li") if row.text.startswith("storefront-staging"))
    await person.press("Provision", row)

    (addon,) = heroku.state.addons
    assert ("storefront-staging", "free") == (addon.app.name, addon.plan.name)
    selected = person.page.root.find("li", id="selected")[0]
    assert f"{addon.name} on acme-search:free provisioned" in selected.text


async def test_what_heroku_does_to_an_addon_is_a_button(heroku: Emulator, acme: RawPartner, person: Person) -> None:
    """Plan change, repeat of the delivery, tokens, attachment, deprovision."""
    addon = await heroku.create_addon("storefront-staging", "acme-search:basic")
    token = (await person.wire.exchange(acme.received[0].body["oauth_grant"]["code"])).body["access_token"]
    await person.press("Change plan", await open_app(person, "storefront-staging"), plan="premium")
    await person.press("Deliver provision again")
    await person.press("Expire tokens")
    await person.press("Attach to app", app="storefront-dev")
    attached = "storefront-dev" in {link.app.name for link in addon.attachments.values()}
    await person.press("Detach", person.page.root.find("details", **{"class": "rest"})[1].find("li")[1])
    await person.press("Revoke tokens")
    await person.press("Deprovision")

    assert ["POST", "PUT", "POST", "DELETE"] == [received.method for received in acme.received]
    assert acme.received[0].raw == acme.received[2].raw
    assert 401 == (await person.wire.get("/addons", token=token)).status
    assert attached
    assert [] == list(heroku.state.addons)


async def test_sso_opens_as_whom_one_chooses(heroku: Emulator, person: Person) -> None:
    """The people are those who may see the app, and the form leads to Heroku's launch page."""
    await heroku.create_addon("help-centre", "acme-search:basic")
    form, fields = read_form(person.page.button("Open SSO", await open_app(person, "help-centre")))
    people = [option.text for option in form.find("option")]
    launched = await person.wire.get(f"{form.attributes['action']}?{urlencode(fields)}", token=None)

    assert ["ada@lumen.example", "grace@lumen.example"] == people
    assert ("get", 200) == (form.attributes["method"], launched.status)
    assert b"ada@lumen.example" in launched.raw


async def test_an_app_is_moved_promoted_renamed_and_destroyed(heroku: Emulator, person: Person) -> None:
    """What its owner does with an app."""
    selected = await open_app(person, "storefront-pr-411")
    await person.press("Move stage", selected, stage="staging")
    moved = heroku.state.apps["storefront-pr-411"].coupling
    await person.press("Promote to production")
    await person.press("Rename app", name="storefront-new")
    await person.press("Take out of pipeline")
    alone = heroku.state.apps["storefront-new"].coupling
    await person.press("Add to pipeline", pipeline="atlas", stage="test")
    there = heroku.state.apps["storefront-new"].coupling
    await person.press("Destroy app")

    assert moved is not None
    assert Stage.STAGING is moved.stage
    assert "Promote storefront-pr-411 v1" == heroku.state.apps["storefront"].releases[-1].description
    assert (None, "atlas", Stage.TEST) == (alone, there and there.pipeline.name, there and there.stage)
    assert "storefront-new" not in heroku.state.apps


async def test_an_app_is_added_to_the_pipeline_whose_link_was_followed(heroku: Emulator, person: Person) -> None:
    """The form knows the pipeline, and the new app is open afterwards."""
    page = await person.look()
    link = next(link for link in page.panel("atlas").find("a") if link.text == "Add app")
    await person.look(link.attributes["href"].partition("#")[0])
    await person.press("Create app", name="atlas-dev", owner="linus@orbit.example")

    coupling = heroku.state.apps["atlas-dev"].coupling
    assert coupling is not None
    assert ("atlas", Stage.DEVELOPMENT) == (coupling.pipeline.name, coupling.stage)
    assert "atlas-dev" in person.page.root.find("li", id="selected")[0].text


async def test_a_refusal_is_shown_where_one_stands(acme: RawPartner, person: Person) -> None:
    """The partner's words, with the status that Heroku would answer."""
    acme.reactions["POST"] = answer(422, {"message": "No room <here>."})
    reply = await person.press("Provision", (await open_app(person, "storefront")))

    assert 422 == reply.status
    assert "No room <here>." == person.page.root.find("p", role="status")[0].text
    assert person.page.root.find("li", id="selected")


async def test_a_new_client_secret_is_shown_once(heroku: Emulator, acme: RawPartner, person: Person) -> None:
    """It stands in the answer to the button, and in no page after that."""
    await person.look()
    reply = await person.press("Reset client secret")
    secret = next(iter(heroku.state.addon_services)).client_secret.reveal()
    later = await person.wire.get("/__emulator__", token=None)

    assert CLIENT_SECRET != secret
    assert (secret in reply.raw.decode(), secret in later.raw.decode()) == (True, False)


async def test_the_clock_is_stopped_jumped_and_run(heroku: Emulator, acme: RawPartner, person: Person) -> None:
    """The jumps pass what has a limit: twelve hours end a provision that is not marked (contract §3)."""
    acme.reactions["POST"] = accept_for_later
    await heroku.create_addon("storefront", "acme-search:basic")
    await person.look()
    await person.press("Stop")
    stopped = (heroku.clock.speed, heroku.clock.now())
    await person.press("+8 h")
    waiting = len(heroku.state.addons)
    await person.press("+12 h")
    left = len(heroku.state.addons)
    await person.press("60×")  # noqa: RUF001 - as it stands on the page

    assert (0.0, 1, 0, 60.0) == (stopped[0], waiting, left, heroku.clock.speed)
    assert stopped[1] + timedelta(hours=20) <= heroku.clock.now()
    assert "true" == person.page.button("60×").attributes["aria-pressed"]  # noqa: RUF001


async def test_a_week_of_pull_requests_is_played_by_a_button(heroku: Emulator, person: Person) -> None:
    """What became of it is said when it is over, and another one can be played after it."""
    heroku.faults.add(Fault(kind="expired_grant", direction="to partner"))
    weeks = []
    for _ in range(2):
        await person.look()
        reply = await person.press("Play the week", pull_requests="2", pipelines="1")
        weeks.append((reply.status, person.page.root.find("p", role="status")[0].text))

    assert [200, 200] == [status for status, _ in weeks]
    assert "6 add-ons provisioned, of which there are 1 in production, 2 in staging." in weeks[0][1]
    assert "close 2, move 2, open 2, promote 7, test 1" in weeks[0][1]
    assert all("Nothing was refused." in note for _, note in weeks)
    assert {"week-1", "week-2"} <= {pipeline.name for pipeline in heroku.state.pipelines}


@pytest.mark.parametrize(
    "label",
    ["Answer 429", "Answer 503", "Slow by 5 s", "Drop the connection", "Deliver twice", "Expired grant"],
)
async def test_a_quick_fault_goes_on_and_off(heroku: Emulator, person: Person, label: str) -> None:
    """The same switch, and the page tells which way it stands."""
    await person.look()
    before = person.page.button(label).attributes["aria-checked"]
    await person.press(label)
    during = (person.page.button(label).attributes["aria-checked"], len(list(heroku.faults)))
    await person.press(label)

    assert ("false", ("true", 1), []) == (before, during, list(heroku.faults))


async def test_any_fault_is_set_and_removed(heroku: Emulator, person: Person) -> None:
    """Each rule is listed with how many calls it has left."""
    await person.look()
    filled = {"kind": "status", "method": "GET", "path": "/apps*", "count": "3", "probability": "0.5", "status": "500"}
    await person.press("Add fault", None, **filled, after_effect="true")
    (rule,) = heroku.faults
    shown = person.page.root.find("ul", **{"aria-label": "Faults that are on"})[0].text
    await person.press("Remove")

    fault = Fault(kind="status", method="GET", path="/apps*", count=3, probability=0.5, status=500, after_effect=True)
    assert fault == rule.fault
    assert "500 on service → Heroku GET /apps* 50 % of calls, after its effect, 3 left Remove" == shown
    assert [] == list(heroku.faults)


async def test_all_faults_go_off_at_once(heroku: Emulator, person: Person) -> None:
    """One button for when one has lost count."""
    heroku.faults.add(Fault(kind="drop"))
    heroku.faults.add(Fault(kind="latency"))
    await person.look()
    await person.press("All off")

    assert [] == list(heroku.faults)


async def test_a_fault_that_cannot_be_is_explained(heroku: Emulator, person: Person) -> None:
    """A form can be filled in wrongly, and then nothing is set."""
    await person.look()
    reply = await person.press("Add fault", kind="duplicate")

    assert 422 == reply.status
    assert 'duplicate happens to calls "to partner" only' in person.page.root.find("p", role="status")[0].text
    assert [] == list(heroku.faults)


async def test_switches_are_changed_together(heroku: Emulator, person: Person) -> None:
    """Numbers, words, and yes or no; sending the form untouched changes nothing."""
    await person.look()
    await person.press("Change switches")
    untouched = heroku.switches.to_dict()
    await person.press("Change switches", cut_off="3", user_couplings="array", rotate_refresh="true")

    assert Switches().to_dict() == untouched
    assert untouched | {"cut_off": 3.0, "user_couplings": "array", "rotate_refresh": True} == heroku.switches.to_dict()
    assert "3 of them are changed." in person.page.panel("Switches").text


def test_every_switch_is_explained() -> None:
    """A name alone does not tell what Heroku's documents leave open."""
    explanations = read_explanations()

    assert set(Switches().to_dict()) == set(explanations)
    assert [] == [name for name, text in explanations.items() if not text.endswith(".")]


async def test_traffic_is_shown_newest_first_without_secrets(
    heroku: Emulator, acme: RawPartner, person: Person
) -> None:
    """Both directions with their bodies laid out; grants, tokens and config vars are hidden."""
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    code = acme.received[0].body["oauth_grant"]["code"]
    token = (await person.wire.exchange(code)).body["access_token"]
    await person.wire.get(f"/addons/{addon.id}", token=token)
    page = await person.look()
    panel = page.panel("Traffic")
    lines = [line.text for line in panel.find("summary")]

    assert [f"GET /addons/{addon.id[:8]}… 200", "POST /oauth/token 200", "POST /heroku/resources 200"] == [
        " ".join(line.split()[4:7]) for line in lines
    ]
    assert [False, False, True] == ["Heroku → service" in line for line in lines]
    assert '"plan": "basic"' in panel.text
    shown = page.root.text
    assert [] == [secret for secret in (code, token, CLIENT_SECRET, "https://in.acme") if secret in shown]


async def test_traffic_is_filtered_and_an_injected_fault_tagged(heroku: Emulator, person: Person) -> None:
    """Nobody debugs their own switch."""
    heroku.faults.add(Fault(kind="status", status=503, path="/account", count=1))
    await person.wire.get("/account")
    await person.wire.get("/account")
    await person.look("/__emulator__?calls=failed")
    failed = [line.text for line in person.page.panel("Traffic").find("summary")]
    await person.look("/__emulator__?calls=to+partner")

    assert 1 == len(failed)
    assert "fault: 503 503" in failed[0]
    assert "No such calls." in person.page.panel("Traffic").text
    await person.press("Clear")
    assert [] == list(heroku.traffic)


async def test_much_traffic_is_paged(heroku: Emulator, person: Person) -> None:
    """The page stays small, and older calls are one link away."""
    for number in range(SHOWN_EXCHANGES + 5):
        heroku.traffic.record(
            Exchange(direction="to Heroku", method="GET", path=f"/apps/{number}", status=200, at=NOON, ms=1)
        )
    page = await person.look()
    first = len(page.panel("Traffic").find("summary"))
    older = next(link for link in page.root.find("a") if link.text == "Older")
    page = await person.look(older.attributes["href"].partition("#")[0])

    assert (SHOWN_EXCHANGES, 5) == (first, len(page.panel("Traffic").find("summary")))


def test_a_huge_body_is_cut() -> None:
    """What is left out is counted."""
    assert f"{'x' * SHOWN_CHARACTERS}\n(5 more characters)" == lay_out("x" * (SHOWN_CHARACTERS + 5))


async def test_many_apps_are_paged_and_searched(heroku: Emulator, person: Person) -> None:
    """Ten thousand apps make no larger page than a hundred, and one is found by its name."""
    for number in range(10_000):
        heroku.create_app(f"many-{number:05}", owner="lumen")
    reply = await person.wire.get("/__emulator__?q=many", token=None)
    page = ConsolePage(reply.raw.decode())
    following = next(link for link in page.root.find("a") if link.text == "Next").attributes["href"]
    second = await person.look(following)
    found = await person.look("/__emulator__?q=MANY-00777")

    assert "10000 found" in page.panel("Apps").text
    assert len(reply.raw) < 150_000
    assert [f"many-{number:05}" for number in range(SHOWN_APPS)] == names_in(page)
    assert [f"many-{number:05}" for number in range(SHOWN_APPS, 2 * SHOWN_APPS)] == names_in(second)
    assert ["many-00777"] == names_in(found)


def names_in(page: ConsolePage) -> list[str]:
    return [row.text.split()[0] for row in page.panel("Not in a pipeline").find("li")]


async def test_a_world_without_anything_says_what_to_do() -> None:
    """No apps, no services, no traffic: the page tells how to begin."""
    async with (
        run(load_world('users = [{ email = "ada@lumen.example", token = "t" }]')) as empty,
        aiohttp.ClientSession() as session,
    ):
        page = await Person(Wire(empty.url, session)).look("/__emulator__/")

    assert "heroku apps:create shop" in page.root.text
    assert "open" in page.root.find("details", id="add")[0].attributes
    assert "No calls yet." in page.panel("Traffic").text


async def test_a_hostile_name_is_only_text(heroku: Emulator, person: Person) -> None:
    """Whoever names an app writes no HTML."""
    name = '"><script>alert(1)</script>'
    heroku.couple(heroku.create_app(name, owner="lumen"), "atlas", "review")
    await open_app(person, name)

    assert [] == person.page.root.find("script")
    assert name in person.page.root.text


async def test_the_page_refreshes_itself_only_when_asked(person: Person) -> None:
    """By a link, without script; somebody may be filling in a form."""
    page = await person.look()
    link = next(link for link in page.root.find("a") if link.text == "Refresh every 2 s")
    refreshing = await person.look(link.attributes["href"])

    assert [] == page.root.find("meta", **{"http-equiv": "refresh"})
    assert "2" == refreshing.root.find("meta", **{"http-equiv": "refresh"})[0].attributes["content"]


async def test_the_page_keeps_to_a_strict_policy(heroku: Emulator, person: Person) -> None:
    """No script, no style but the sheet, nothing stored, and no frame."""
    await open_app(person, "storefront")
    reply = await person.wire.get("/__emulator__", token=None)
    sheet = await person.wire.get("/__emulator__/style.css", token=None)
    icon = await person.wire.get("/__emulator__/icon.svg", token=None)
    inline = [name for found in person.page.root for name in found.attributes if name == "style" or name[:2] == "on"]

    assert "default-src 'none'; style-src 'self'" in reply.headers["Content-Security-Policy"]
    assert ("no-store", "DENY", "nosniff") == (
        reply.headers["Cache-Control"],
        reply.headers["X-Frame-Options"],
        reply.headers["X-Content-Type-Options"],
    )
    assert [] == inline + person.page.root.find("script") + person.page.root.find("style")
    assert ("text/css; charset=utf-8", "image/svg+xml") == (sheet.headers["Content-Type"], icon.headers["Content-Type"])


async def test_everything_on_the_page_has_a_name(heroku: Emulator, person: Person) -> None:
    """A field has a label, a section a heading or a label, an id is there once, and headings do not skip."""
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    heroku.attach(addon, "storefront-dev")
    heroku.faults.add(Fault(kind="drop", path="/nowhere"))
    await open_app(person, "storefront")
    root = person.page.root
    ids = [found.attributes["id"] for found in root if "id" in found.attributes]
    labels = {label.attributes.get("for") for label in root.find("label")}

    def is_labelled(found: Element) -> bool:
        parents = []
        while found.parent is not None:
            parents.append(found.tag)
            if found.attributes.get("id") in labels - {None}:
                return True
            found = found.parent
        return "label" in parents

    fields = [f for tag in ("input", "select") for f in root.find(tag) if f.attributes.get("type") != "hidden"]
    levels = [int(found.tag[1]) for found in root if found.tag in {"h1", "h2", "h3", "h4"}]
    assert fields
    assert [] == [found.attributes for found in fields if not is_labelled(found)]
    assert len(ids) == len(set(ids))
    assert [] == [s for s in root.find("section") if not {"aria-label", "aria-labelledby"} & set(s.attributes)]
    assert [] == [(one, other) for one, other in pairwise(levels) if other > one + 1]
    assert [] == [button.attributes for button in root.find("button") if not button.text]


@pytest.mark.parametrize("query", ["calls=sideways", "before=-1", "refresh=soon"])
async def test_a_page_that_is_not_there_is_refused(wire: Wire, query: str) -> None:
    """An address that somebody has made up."""
    reply: Any = await wire.get(f"/__emulator__?{query}", token=None)

    assert (422, "invalid_params") == reply.error


async def test_a_form_of_another_site_is_refused(heroku: Emulator, wire: Wire) -> None:
    """A page elsewhere could send the same form; the browser says that it did."""
    reply = await wire.send(
        "POST",
        "/__emulator__/form/POST/apps",
        token=None,
        data="name=x&owner=lumen",
        Origin="https://elsewhere.example",
    )

    assert (403, "forbidden") == reply.error
    assert "x" not in heroku.state.apps
