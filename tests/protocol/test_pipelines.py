import json
from collections.abc import Generator, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest

import article
from headrace.errors import HerokuBroken, NotFound, PlatformError, RateLimited, TokenRejected, UnexpectedAnswer
from headrace.models import Inspection, Outcome, Owner, Placement, Ref, Stage
from headrace.protocol.pipelines import Access, find_access, inspect
from headrace.protocol.wire import Request, Response

T = TypeVar("T")
NOW = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
ID = "01234567-89ab-cdef-0123-456789abcdef"

ADDON = Response(status=200, body=article.ADDON)
COUPLINGS = Response(status=200, body=article.COUPLINGS)
PIPELINE = Response(status=200, body=article.PIPELINE)
FORBIDDEN = Response(status=403, body=b'{"id":"forbidden","message":"You do not have access."}')
NOT_FOUND = Response(status=404, body=b'{"id":"not_found","message":"Not found."}')
APP = Response(status=200, body=json.dumps({"id": ID, "name": "example", "team": None, "owner": {"id": "o"}}).encode())
CHAIN = [f"/addons/{ID}", f"/apps/{ID}/pipeline-couplings", f"/pipelines/{ID}"]


def drive(chain: Generator[Request, Response, T], responses: Sequence[Response]) -> tuple[T, list[Request]]:
    """Send a list of responses; every one of them must be asked for."""
    asked = [next(chain)]
    for count, response in enumerate(responses, start=1):
        try:
            asked.append(chain.send(response))
        except StopIteration as stop:
            assert len(responses) == count
            return stop.value, asked
    pytest.fail(f"no response is left for {asked[-1]}")


def run(*responses: Response) -> Inspection:
    return drive(inspect(ID, now=NOW), responses)[0]


def answer(body: object, *, status: int = 200, **headers: str) -> Response:
    return Response(
        status=status,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        body=json.dumps(body).encode(),
    )


def coupling(**changes: Any) -> dict[str, Any]:
    return {"id": "c1", "app": {"id": ID}, "pipeline": {"id": ID}, "stage": "staging", **changes}


def test_the_articles_answers_give_app_pipeline_and_stage() -> None:
    """Add-on, then coupling, then pipeline: the three steps of the article."""
    inspection, asked = drive(inspect(ID, now=NOW), [ADDON, COUPLINGS, PIPELINE])

    assert Ref(id=ID, name="example") == inspection.app
    assert Outcome.PLACED == inspection.outcome
    assert Placement(pipeline=Ref(id=ID, name="example"), stage=Stage.PRODUCTION, generation="cedar") == (
        inspection.placement
    )
    assert NOW == inspection.looked_up_at
    assert CHAIN == [request.path for request in asked]


def test_every_request_of_the_chain_asks_for_version_3() -> None:
    """The article prints the Accept header of each step."""
    _, asked = drive(inspect(ID, now=NOW), [ADDON, COUPLINGS, PIPELINE])

    assert {("GET", "application/vnd.heroku+json; version=3")} == {(r.method, r.headers["Accept"]) for r in asked}


def test_a_coupling_may_be_one_object() -> None:
    """Heroku's schema and its own CLI read one object where the article prints an array."""
    as_object = Response(status=200, body=json.dumps(json.loads(article.COUPLINGS)[0]).encode())

    assert run(ADDON, COUPLINGS, PIPELINE) == run(ADDON, as_object, PIPELINE)


@pytest.mark.parametrize("second", [coupling(stage="production"), coupling(stage=None), {}, None, 7])
def test_the_first_of_several_couplings_counts(second: object) -> None:
    """An app is in one pipeline at most; a second item is Heroku's mistake, not ours."""
    inspection = run(ADDON, answer([coupling(), second]), PIPELINE)

    assert inspection.placement is not None
    assert Stage.STAGING == inspection.placement.stage


@pytest.mark.parametrize("body", [b"[]", b"{}", b"[{}]", b"[null]", b"null"])
def test_an_empty_answer_means_no_pipeline(body: bytes) -> None:
    """Nothing, in any of its forms, is an uncoupled app."""
    inspection = run(ADDON, Response(status=200, body=body))

    assert (Outcome.UNCOUPLED, None) == (inspection.outcome, inspection.placement)


def test_a_404_with_a_visible_app_means_no_pipeline() -> None:
    """404 is ambiguous, so the app itself is asked for."""
    inspection, asked = drive(inspect(ID, now=NOW), [ADDON, NOT_FOUND, APP])

    assert (Outcome.UNCOUPLED, None) == (inspection.outcome, inspection.placement)
    assert f"/apps/{ID}" == asked[-1].path


@pytest.mark.parametrize("reply", [FORBIDDEN, NOT_FOUND])
def test_a_404_with_a_hidden_app_says_nothing_of_pipelines(reply: Response) -> None:
    """An app that cannot be seen is not the same as an app in no pipeline."""
    inspection = run(ADDON, NOT_FOUND, reply)

    assert (Outcome.APP_HIDDEN, None) == (inspection.outcome, inspection.placement)


def test_a_partner_may_be_refused_couplings() -> None:
    """403 on couplings is an outcome, not an error."""
    inspection = run(ADDON, FORBIDDEN)

    assert (Outcome.FORBIDDEN, None) == (inspection.outcome, inspection.placement)


@pytest.mark.parametrize("reply", [FORBIDDEN, NOT_FOUND])
@pytest.mark.parametrize(("named", "name"), [({"id": ID, "name": "shop"}, "shop"), ({"id": ID}, None)])
def test_an_unreadable_pipeline_costs_only_its_name(reply: Response, named: dict[str, str], name: str | None) -> None:
    """The coupling tells pipeline and stage, and sometimes the name."""
    inspection = run(ADDON, answer([coupling(pipeline=named)]), reply)

    assert Outcome.PLACED == inspection.outcome
    assert Placement(pipeline=Ref(id=ID, name=name), stage=Stage.STAGING) == inspection.placement


@pytest.mark.parametrize("stage", ["test", "review", "development", "staging", "production"])
def test_all_five_stages_are_known(stage: str) -> None:
    """The article names four; the schema adds test."""
    inspection = run(ADDON, answer(coupling(stage=stage)), PIPELINE)

    assert inspection.placement is not None
    assert Stage(stage) is inspection.placement.stage


@pytest.mark.parametrize(
    ("told", "coupled_at"),
    [
        (
            {"created_at": "2026-10-01T08:00:00Z", "updated_at": "2026-11-02T09:31:00+01:00"},
            "2026-11-02T08:31:00+00:00",
        ),
        ({"created_at": "2026-10-01T08:00:00Z"}, "2026-10-01T08:00:00+00:00"),
        ({"created_at": None, "updated_at": "yesterday"}, None),
        ({"updated_at": "2026-11-02T09:31:00"}, None),
        ({"updated_at": "0001-01-01T00:00:00+14:00"}, None),
        ({}, None),
    ],
)
def test_heroku_says_when_an_app_came_to_its_stage(told: dict[str, Any], coupled_at: str | None) -> None:
    """A move changes the coupling, and a new coupling has not been changed; what is odd is left out."""
    placement = run(ADDON, answer([coupling(**told)]), PIPELINE).placement

    assert placement is not None
    assert (None if coupled_at is None else datetime.fromisoformat(coupled_at)) == placement.coupled_at


def test_an_unknown_stage_survives() -> None:
    """A stage that Heroku adds later is shown as it is."""
    inspection = run(ADDON, answer(coupling(stage="canary")), PIPELINE)

    assert inspection.placement is not None
    assert "canary" == inspection.placement.stage


@pytest.mark.parametrize(
    ("changes", "owner", "generation"),
    [
        ({"owner": {"id": "t1", "type": "team"}}, Owner(id="t1", type="team"), None),
        ({"owner": {"id": "u1", "type": "user"}}, Owner(id="u1", type="user"), None),
        ({"owner": None, "generation": None}, None, None),
        ({"generation": {"id": "g1", "name": "fir"}}, None, "fir"),
        ({"new_member": {"deep": []}}, None, None),
    ],
)
def test_a_pipelines_owner_and_generation_are_optional(
    changes: dict[str, object], owner: Owner | None, generation: str | None
) -> None:
    """Owner may be null or absent, generation is newer than the article."""
    inspection = run(ADDON, COUPLINGS, answer({"id": ID, "name": "shop", **changes}))

    assert inspection.placement is not None
    assert (owner, generation) == (inspection.placement.owner, inspection.placement.generation)


def test_actions_may_be_an_array() -> None:
    """The article prints an object, the wire carries an array."""
    inspection = run(answer({**json.loads(article.ADDON), "actions": []}), FORBIDDEN)

    assert "acme-inc-primary-database" == inspection.addon.name


@pytest.mark.parametrize("step", range(2))
def test_an_answer_about_another_id_is_no_outcome(step: int) -> None:
    """Add-on or coupling: an answer about another is never taken for this one's."""
    other = ID.replace("0", "f")
    answers = [ADDON, COUPLINGS]
    body = json.loads(answers[step].body)
    (body[0]["app"] if step == 1 else body)["id"] = other
    answers[step] = Response(status=200, body=json.dumps(body).encode())

    with pytest.raises(UnexpectedAnswer, match="about another id"):
        run(*answers)


def test_an_add_on_that_is_gone_is_not_found() -> None:
    """Without the add-on there is nothing to inspect."""
    with pytest.raises(NotFound):
        run(NOT_FOUND)


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (Response(status=401), TokenRejected),
        (Response(status=429), RateLimited),
        (Response(status=503), HerokuBroken),
    ],
)
@pytest.mark.parametrize("step", [0, 1, 2])
def test_heroku_failing_at_a_step_is_no_outcome(step: int, response: Response, kind: type[PlatformError]) -> None:
    """When Heroku does not answer as it should, nothing is known."""
    with pytest.raises(kind):
        run(*[ADDON, COUPLINGS, PIPELINE][:step], response)


ODD = [Response(status=200, body=b"<html>"), Response(status=200, body=b'"text"'), Response(status=304)]


@pytest.mark.parametrize("response", ODD)
@pytest.mark.parametrize("step", [0, 1])
def test_an_odd_answer_about_add_on_or_coupling_is_no_outcome(step: int, response: Response) -> None:
    """Where the app is cannot be told without them."""
    with pytest.raises(UnexpectedAnswer):
        run(*[ADDON, COUPLINGS][:step], response)


@pytest.mark.parametrize("response", [*ODD, answer({"id": ID.replace("0", "f"), "name": "another"})])
def test_an_odd_answer_about_a_pipeline_costs_only_its_name(response: Response) -> None:
    """And what is another's is not taken for this one's."""
    inspection = run(ADDON, COUPLINGS, response)

    assert Placement(pipeline=Ref(id=ID), stage=Stage.PRODUCTION) == inspection.placement


@pytest.mark.parametrize("body", [[{"id": "c1"}], [coupling(stage=None)], [coupling(pipeline=None)], ["x"], 7])
def test_a_coupling_that_cannot_be_read_is_no_outcome(body: object) -> None:
    """A coupling without pipeline or stage is not an uncoupled app."""
    with pytest.raises(UnexpectedAnswer):
        run(ADDON, answer(body))


def person(name: str) -> dict[str, Any]:
    return {"id": f"id-{name}", "email": f"{name}@example.test", "federated": False}


def access(*responses: Response) -> Access:
    return drive(find_access("a1"), responses)[0]


TEAM_APP = answer({"id": "a1", "name": "shop", "team": {"id": "t1", "name": "acme"}})
COLLABORATORS = answer([{"user": person("ada"), "role": "member", "permissions": []}])


def test_a_personal_app_is_seen_by_its_collaborators() -> None:
    """An app without a team belongs to the people who collaborate on it."""
    seen_by = access(answer({"id": "a1", "name": "shop", "team": None}), COLLABORATORS)

    assert Access(user_ids=frozenset({"id-ada"}), emails=frozenset({"ada@example.test"})) == seen_by


@pytest.mark.parametrize("role", ["admin", "owner", "member", "collaborator", "viewer", "new", None])
def test_whoever_is_in_a_team_may_see_its_apps(role: str | None) -> None:
    """Heroku's article joins the collaborators with everybody on the list of the team's members."""
    seen_by = access(
        TEAM_APP, COLLABORATORS, answer([{"email": "bob@example.test", "role": role, "user": person("bob")}])
    )

    assert (True, True) == ("id-bob" in seen_by.user_ids, "bob@example.test" in seen_by.emails)
    assert "id-ada" in seen_by.user_ids


def test_a_member_without_a_user_is_known_by_address() -> None:
    """Heroku may name a member by e-mail only."""
    seen_by = access(TEAM_APP, COLLABORATORS, answer([{"email": "bob@example.test", "role": "admin"}]))

    assert frozenset({"ada@example.test", "bob@example.test"}) == seen_by.emails
    assert frozenset({"id-ada"}) == seen_by.user_ids


def test_everyone_on_a_later_page_may_see_the_app() -> None:
    """A page holds 200 people; the list goes on in Next-Range."""
    first = answer([{"user": person("ada")}], status=206, next_range="id ]1..; max=200")
    seen_by = access(answer({"id": "a1", "name": "shop"}), first, answer([{"user": person("bob")}]))

    assert frozenset({"id-ada", "id-bob"}) == seen_by.user_ids


@pytest.mark.parametrize("reply", [FORBIDDEN, NOT_FOUND, Response(status=500), Response(status=200, body=b"{}")])
@pytest.mark.parametrize("step", [0, 1, 2])
def test_who_may_see_an_app_is_never_guessed(step: int, reply: Response) -> None:
    """When Heroku does not tell, the app is shown to nobody."""
    with pytest.raises(PlatformError):
        access(*[TEAM_APP, COLLABORATORS][:step], reply)
