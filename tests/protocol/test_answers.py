"""Odd answers of Heroku: what is needed can fail a look, what decorates never does, and no token is ever lost."""

import json
import re
from collections.abc import Generator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest

from headrace.errors import UnexpectedAnswer
from headrace.models import Grant, Owner, Secret, Token
from headrace.protocol.answers import decode_list
from headrace.protocol.oauth import USUAL_LIFETIME, build_exchange, build_refresh, read_exchange, read_refresh
from headrace.protocol.pipelines import Access, find_access, inspect, list_couplings
from headrace.protocol.wire import Request, Response, Unreadable
from protocol import recorded

T = TypeVar("T")
NOW = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
DOCS = Path(__file__).parents[2] / "docs" / "heroku-contract.md"
GRANT = Grant(code=Secret("the-code"), expires_at=NOW + timedelta(minutes=5))
OLD = Token(access=Secret("old-access"), refresh=Secret("old-refresh"), expires_at=NOW)
EXCHANGE = build_exchange(GRANT, client_secret=Secret("s"))
REFRESH = build_refresh(OLD, client_secret=Secret("s"))
ANSWERS: Mapping[str, Any] = {
    "GET /addons/UUID": recorded.ADDON,
    "GET /apps/ID/pipeline-couplings": [recorded.COUPLING],
    "GET /pipelines/ID": recorded.PIPELINE,
    "GET /pipelines/ID/pipeline-couplings": recorded.COUPLINGS_OF_PIPELINE,
    "GET /apps/ID": recorded.APP,
    "GET /apps/ID/collaborators": recorded.COLLABORATORS,
    "GET /teams/ID/members": recorded.MEMBERS,
}
CHAIN = ("GET /addons/UUID", "GET /apps/ID/pipeline-couplings", "GET /pipelines/ID")
ACCESS = ("GET /apps/ID", "GET /apps/ID/collaborators", "GET /teams/ID/members")
# A name is what is being told of: its absence is not the loss of anything else.
PLACE = (recorded.APP_ID, recorded.PIPELINE_ID, "staging")
EVERYBODY = {"id-ada", "id-grace", "id-bob", "id-eve"}


def answer(body: Any) -> Response:
    return Response(status=200, body=json.dumps(body).encode())


def drive(chain: Generator[Request, Response, T], *bodies: Any) -> T:
    """Answer each request of a chain; what it does not ask for is left."""
    next(chain)
    for body in bodies:
        try:
            chain.send(answer(body))
        except StopIteration as stop:
            result: T = stop.value
            return result
    pytest.fail("there is no answer left")


def read_docs() -> dict[str, set[str]]:
    """What the docs say is needed, by answer."""
    rows = re.findall(
        r"^\| `((?:GET|POST) [^`]+)` \| ([^|]*) \| [^|]* \|$", DOCS.read_text(encoding="utf-8"), re.MULTILINE
    )
    return {name: set(re.findall(r"`([a-z_.]+)`", needed)) for name, needed in rows}


NEEDED = read_docs()


def is_needed(name: str, place: recorded.Place) -> bool:
    """Whether it is, or holds, what the docs call needed of this answer."""
    spelt = recorded.spell(place)
    return any(needed == spelt or needed.startswith(f"{spelt}.") for needed in NEEDED[name]) or not spelt


def test_the_docs_say_of_every_answer_what_is_needed() -> None:
    """The table is what the tests below go by."""
    assert {*ANSWERS, "POST /oauth/token"} == NEEDED.keys()


@pytest.mark.parametrize("name", CHAIN[:2])
def test_only_what_is_needed_can_fail_a_look(name: str) -> None:
    """Of the add-on and its coupling: dropped, null, of another type, or with members that are new."""
    failed = set()
    for place, odd in recorded.mutate(ANSWERS[name]):
        try:
            inspection = drive(inspect(recorded.ADDON_ID, now=NOW), *({**ANSWERS, name: odd}[each] for each in CHAIN))
        except UnexpectedAnswer:
            assert is_needed(name, place), place
            failed.add(recorded.spell(place))
        else:
            found = inspection.placement
            told = (inspection.app.id, found and found.pipeline.id, found and found.stage)
            assert is_needed(name, place) or told == PLACE, place

    assert NEEDED[name] <= failed


def test_what_a_pipeline_says_of_itself_costs_no_look() -> None:
    """Whatever it is: app, pipeline and stage are known without it."""
    name = "GET /pipelines/ID"
    for place, odd in [*recorded.mutate(ANSWERS[name]), *(((), each) for each in recorded.OTHER_TYPES)]:
        inspection = drive(inspect(recorded.ADDON_ID, now=NOW), *({**ANSWERS, name: odd}[each] for each in CHAIN))
        found = inspection.placement

        assert found is not None
        assert (inspection.app.id, found.pipeline.id, found.stage) == PLACE, place
        assert is_needed(name, place) or spell_first(place) == "name" or found.pipeline.name == "shop", place


def spell_first(place: recorded.Place) -> str:
    return str(place[0])


@pytest.mark.parametrize(
    ("told", "generation"),
    [
        ({"name": "fir"}, "fir"),
        ({"id": None, "name": "cedar"}, "cedar"),
        ({"id": 7, "name": "cedar", "new": []}, "cedar"),
        ("fir", "fir"),
        (None, None),
        ({}, None),
        ({"id": "a0b1"}, None),
        (["fir"], None),
        (7, None),
    ],
)
def test_a_generation_is_read_in_each_of_its_forms(told: Any, generation: str | None) -> None:
    """An object with or without an id, or a bare name; in any other form it is not told."""
    pipeline = recorded.PIPELINE | {"generation": told}
    found = drive(inspect(recorded.ADDON_ID, now=NOW), recorded.ADDON, [recorded.COUPLING], pipeline).placement

    assert found is not None
    assert (generation, "shop") == (found.generation, found.pipeline.name)


@pytest.mark.parametrize(
    ("told", "owner"),
    [
        ({"id": "t1"}, Owner(id="t1")),
        ({"id": "t1", "type": None}, Owner(id="t1")),
        ({"id": "t1", "type": "a-kind-of-owner-that-is-new"}, Owner(id="t1")),
        ({"type": "team"}, None),
        ({}, None),
        ("lumen", None),
    ],
)
def test_an_owner_may_lack_anything(told: Any, owner: Owner | None) -> None:
    """Without an id nobody is named."""
    pipeline = recorded.PIPELINE | {"owner": told}
    found = drive(inspect(recorded.ADDON_ID, now=NOW), recorded.ADDON, [recorded.COUPLING], pipeline).placement

    assert found is not None
    assert owner == found.owner


@pytest.mark.parametrize("told", [None, "PIPESCOPE_URL", {}, [1]])
def test_config_vars_that_cannot_be_read_are_none(told: Any) -> None:
    """The add-on is there all the same."""
    addon = recorded.ADDON | {"config_vars": told}
    found = drive(inspect(recorded.ADDON_ID, now=NOW), addon, [recorded.COUPLING], recorded.PIPELINE)

    assert ((), "pipescope-cubed-12345") == (found.addon.config_vars, found.addon.name)


def test_an_odd_item_of_a_pipelines_list_costs_no_other() -> None:
    """What is not read there has a look of its own."""
    name = "GET /pipelines/ID/pipeline-couplings"
    for place, odd in recorded.mutate(ANSWERS[name]):
        try:
            couplings, _ = drive(list_couplings(recorded.PIPELINE_ID), odd)
        except UnexpectedAnswer:
            # Of another pipeline than was asked for: nothing of the list is believed.
            assert "pipeline" in place
            continue
        apps = {each.app.id for each in couplings or []}
        assert (recorded.OTHER_APP_ID if place[0] == 0 else recorded.APP_ID) in apps, place
        assert is_needed(name, place) or apps == {recorded.APP_ID, recorded.OTHER_APP_ID}, place


@pytest.mark.parametrize("name", ACCESS)
def test_odd_answers_about_an_apps_people_cost_nobody_else_their_sight(name: str) -> None:
    """One person's row at most; and a team that cannot be read is never taken for none."""
    for place, odd in recorded.mutate(ANSWERS[name]):
        try:
            seen_by = drive(find_access(recorded.APP_ID), *({**ANSWERS, name: odd}[each] for each in ACCESS))
        except UnexpectedAnswer:
            assert is_needed(name, place), place
            continue
        missing = {each for each in EVERYBODY if not _is_named(each, seen_by)}
        if name == "GET /apps/ID":
            # Without a team the app is somebody's own: its collaborators are all.
            assert missing in (set(), {"id-bob", "id-eve"} if place == ("team",) else set()), place
        else:
            assert missing <= {_find_id(name, place)}, place
            assert not missing or is_needed(name, place), place


def _is_named(user_id: str, seen_by: Access) -> bool:
    return user_id in seen_by.user_ids or f"{user_id.removeprefix('id-')}@lumen.example" in seen_by.emails


def _find_id(name: str, place: recorded.Place) -> str:
    return str(ANSWERS[name][place[0]]["user"]["id"])


def test_a_list_of_which_nothing_can_be_read_is_no_answer() -> None:
    """It would say of everybody that they may not see the app."""
    assert [] == decode_list(b"[]", int)
    assert [1] == decode_list(b'["x", 1]', int)
    with pytest.raises(Unreadable):
        decode_list(b'["x"]', int)


def test_no_odd_answer_burns_a_grant() -> None:
    """Whatever one member of it is: what the code was given for is kept, since it works once."""
    for place, odd in recorded.mutate(recorded.TOKEN):
        token = read_exchange(answer(odd), EXCHANGE, grant=GRANT, now=NOW)
        kept = (token.access.reveal(), token.refresh.reveal())
        for told, name in zip(kept, ("access_token", "refresh_token"), strict=True):
            assert place == (name,) or told == recorded.TOKEN[name], place
        assert any(kept)
        assert place == ("access_token",) or NOW < token.expires_at <= NOW + USUAL_LIFETIME


def test_no_odd_answer_loses_a_refresh_token() -> None:
    """A new one is kept, whatever else stands beside it; where none can be read the old one is."""
    for place, odd in recorded.mutate(recorded.TOKEN):
        refresh = read_refresh(answer(odd), REFRESH, token=OLD, now=NOW).refresh.reveal()

        assert refresh == recorded.TOKEN["refresh_token"] or place == ("refresh_token",), place
        assert refresh, place


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        (28799, 28799.0),
        (28799.0, 28799.0),
        (28799.5, 28799.5),
        ("28799", 28799.0),
        (" 28799.0 ", 28799.0),
        ("2.8799e4", 28799.0),
        ("soon", 28800.0),
        ("", 28800.0),
        ("nan", 28800.0),
        ("inf", 28800.0),
        (None, 28800.0),
        (0, 28800.0),
        (-1, 28800.0),
        (True, 28800.0),
        (10**400, 28800.0),
        ([28799], 28800.0),
    ],
)
def test_a_lifetime_is_read_in_any_form_or_taken_for_the_usual_one(told: Any, seconds: float) -> None:
    """RFC 6749 only recommends to say it; a token that ends sooner is refreshed when it is refused."""
    exchanged = read_exchange(answer(recorded.TOKEN | {"expires_in": told}), EXCHANGE, grant=GRANT, now=NOW)
    refreshed = read_refresh(answer(recorded.TOKEN | {"expires_in": told}), REFRESH, token=OLD, now=NOW)

    assert NOW + timedelta(seconds=seconds) == exchanged.expires_at == refreshed.expires_at
    assert recorded.TOKEN["refresh_token"] == exchanged.refresh.reveal() == refreshed.refresh.reveal()


def test_an_exchange_that_does_not_say_how_long_a_token_lives_gives_it_all_the_same() -> None:
    """The code is used up by then."""
    body = {name: value for name, value in recorded.TOKEN.items() if name != "expires_in"}
    token = read_exchange(answer(body), EXCHANGE, grant=GRANT, now=NOW)

    assert (recorded.TOKEN["access_token"], NOW + USUAL_LIFETIME) == (token.access.reveal(), token.expires_at)


def test_the_api_hosts_form_of_a_token_is_read_too() -> None:
    """An object each, with the text under `token`."""
    body = {
        "access_token": {"id": "a", "token": "the-access", "expires_in": 7200},
        "refresh_token": {"token": "the-refresh"},
    }
    token = read_exchange(answer(body), EXCHANGE, grant=GRANT, now=NOW)

    assert ("the-access", "the-refresh") == (token.access.reveal(), token.refresh.reveal())
    assert NOW + timedelta(hours=2) == token.expires_at
