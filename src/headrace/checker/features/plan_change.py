"""What a provider answers when a customer changes the plan."""

from functools import partial
from uuid import uuid4

import msgspec

from headrace.checker.kit.articles import BEST_PRACTICES, PARTNER_API
from headrace.checker.kit.fact import Complaint, Feature, Level, NotJudged, Sureness, Why
from headrace.checker.kit.harness import Harness
from headrace.checker.kit.judging import (
    REFUSAL,
    SUCCESS,
    UNAVAILABLE,
    complain,
    exactly,
    expect_message,
    expect_object,
    expect_status,
)
from headrace.checker.kit.provider import ProviderAnswer

plan_change: Feature[Harness] = Feature("plan-change", "What is answered when a customer changes the plan.")

REFUSED = exactly(422, 503)
NO_SUCH_PLAN = "no-such-plan"


@plan_change.must(BEST_PRACTICES)
async def same_plan(harness: Harness) -> Complaint | None:
    """A change to the plan that the resource has is answered 2xx and changes nothing."""
    return expect_status(await harness.change_plan(await harness.provisioned(), harness.plans[0]), SUCCESS)


@plan_change.must(PARTNER_API)
async def other_plan(harness: Harness) -> Complaint | None:
    """A change to another plan is answered 2xx, or 422 or 503 when it cannot be done."""
    return expect_status(await harness.once(change_to_other), SUCCESS | REFUSED)


@plan_change.must(PARTNER_API)
async def json_object(harness: Harness) -> Complaint | None:
    """The answer's body is a JSON object, or empty."""
    return expect_object(await harness.once(change_to_other))


@plan_change.must(PARTNER_API)
async def message(harness: Harness) -> Complaint | None:
    """A plan change that cannot be done is answered with a `message` that tells the customer why."""
    answer = await harness.once(change_to_other)
    if answer.status not in REFUSED.members:
        raise NotJudged(Why.NOT_DECLARED, "the plan change was not refused")
    return expect_message(answer)


@plan_change.must(PARTNER_API)
async def config(harness: Harness) -> Complaint | None:
    """Config vars in the answer to a plan change are declared in the manifest, and text."""
    answer = await harness.once(change_to_other)
    given = (answer.json or {}).get("config")
    if not answer.is_success or not given:
        raise NotJudged(Why.NOT_DECLARED, "the answer carries no config")
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        return complain(answer, "a `config` of names and texts")
    undeclared = harness.manifest.find_undeclared(given)
    return complain(answer, f"names of the manifest only, not {', '.join(undeclared)}") if undeclared else None


@plan_change.should(PARTNER_API, Sureness.UNCERTAIN)
async def unknown_plan(harness: Harness) -> Complaint | None:
    """A plan that the service does not have is refused with a 4xx or 503, and a `message` for the customer."""
    answer = await harness.change_plan(await harness.provisioned(), NO_SUCH_PLAN)
    return expect_status(answer, REFUSAL | UNAVAILABLE) or expect_message(answer)


@plan_change.should(PARTNER_API, Sureness.SEEN)
async def unknown_uuid(harness: Harness) -> Complaint | None:
    """A plan change of a uuid that nobody knows is refused with a 4xx or 503, best with 404 or 410."""
    answer = await harness.provider.call("PUT", f"/{uuid4()}", body=msgspec.json.encode({"plan": harness.plans[0]}))
    return expect_status(answer, REFUSAL | UNAVAILABLE)


@plan_change.should(PARTNER_API, Sureness.SEEN)
async def gone(harness: Harness) -> Complaint | None:
    """A plan change of a resource that was deprovisioned is refused with a 4xx or 503, best with 404 or 410."""
    resource = await harness.provisioned()
    removed = await harness.deprovision(resource)
    if not removed.is_success:
        raise NotJudged(Why.NEEDS, f"a deprovision that is answered 2xx, not {removed.status}")
    return expect_status(await harness.change_plan(resource, harness.plans[0]), REFUSAL | UNAVAILABLE)


@plan_change.should(PARTNER_API, Sureness.UNCERTAIN)
async def unfinished(harness: Harness) -> Complaint | None:
    """A plan change that overtakes an asynchronous provision is answered, never with a failure."""
    resource = await harness.accepted()
    if not resource.is_asynchronous:
        raise NotJudged(Why.NOT_DECLARED, "the provider provisions synchronously")
    return expect_status(await harness.change_plan(resource, harness.plans[-1]), SUCCESS | REFUSAL | UNAVAILABLE)


async def change_to_other(harness: Harness) -> ProviderAnswer:
    """Change the plan of a resource that nothing else is done with."""
    if len(harness.plans) < 2:
        raise NotJudged(Why.NOT_DECLARED, "a second plan was not named; name it with --plan")
    return await harness.change_plan(await harness.provisioned(), harness.plans[1])


async def refuses_body(harness: Harness, *, body: bytes) -> Complaint | None:
    resource = await harness.first_provisioned()
    return expect_status(await harness.provider.call("PUT", resource.path, body=body), REFUSAL)


for _name, _words, _body in (
    ("garbage", "with a body that is not JSON", b"{garbage"),
    ("without-plan", "without `plan`", b"{}"),
    ("wrong-plan", "whose `plan` is a number", b'{"plan": 4711}'),
):
    plan_change.add(
        _name,
        f"A plan change {_words} is refused with a 4xx.",
        partial(refuses_body, body=_body),
        level=Level.SHOULD,
        article=PARTNER_API,
        sureness=Sureness.UNCERTAIN,
    )
