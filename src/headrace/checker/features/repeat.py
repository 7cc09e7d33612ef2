"""Heroku delivers at least once: what comes again changes nothing, and what is gone stays gone."""

from headrace.checker.articles import PARTNER_API
from headrace.checker.bench import Bench
from headrace.checker.check import Complaint, Feature, NotJudged, Sureness, Why
from headrace.checker.judging import (
    REFUSAL,
    SUCCESS,
    UNAVAILABLE,
    complain,
    exactly,
    expect_same_id,
    expect_status,
    first_of,
)

repeat: Feature[Bench] = Feature("repeat", "What is answered to a provision that comes again.")


@repeat.must(PARTNER_API)
async def status(bench: Bench) -> Complaint | None:
    """A provision that comes again is answered 2xx, like the first time."""
    resource = await bench.accepted()
    return expect_status(await bench.send_provision(resource.addon), SUCCESS)


@repeat.must(PARTNER_API)
async def same_id(bench: Bench) -> Complaint | None:
    """A provision that comes again is answered with the same `id`: there is no second resource."""
    resource = await bench.accepted()
    again = await bench.send_provision(resource.addon)
    if not again.is_success:
        raise NotJudged(Why.NEEDS, "a repeat that is answered 2xx")
    return expect_same_id(again, resource.answer)


@repeat.should(PARTNER_API)
async def same_config(bench: Bench) -> Complaint | None:
    """A repeat of a synchronous provision is answered with the same config vars."""
    resource = await bench.accepted()
    if resource.is_asynchronous:
        raise NotJudged(Why.NOT_DECLARED, "the provider provisions asynchronously")
    again = await bench.send_provision(resource.addon)
    if not again.is_success:
        raise NotJudged(Why.NEEDS, "a repeat that is answered 2xx")
    is_same = (again.json or {}).get("config") == (resource.answer.json or {}).get("config")
    return None if is_same else complain(again, "the same `config` as the first time")


@repeat.should(PARTNER_API, Sureness.UNCERTAIN)
async def at_once(bench: Bench) -> Complaint | None:
    """Two equal provisions at once make one resource: each is answered with the same `id`, or asked to wait."""
    addon = bench.begin()
    answers = await bench.provider.call_together(2, "POST", body=bench.build_body(addon))
    for answer in answers:
        bench.keep(addon, answer)
    good = [answer for answer in answers if answer.is_success]
    if not good:
        return complain(answers[0], "a 2xx for one of two equal provisions at least")
    return first_of(
        complaint
        for answer in answers
        for complaint in (
            expect_status(answer, SUCCESS | exactly(409, 429) | UNAVAILABLE),
            expect_same_id(answer, good[0]) if answer.is_success else None,
        )
    )


@repeat.should(PARTNER_API, Sureness.UNCERTAIN)
async def other_content(bench: Bench) -> Complaint | None:
    """A known uuid with another region makes no second resource: it is refused, or answered with the same `id`."""
    resource = await bench.accepted()
    again = await bench.send_provision(resource.addon, {"region": "amazon-web-services::eu-west-1"})
    return expect_status(again, SUCCESS | REFUSAL) or (
        expect_same_id(again, resource.answer) if again.is_success else None
    )


@repeat.must(PARTNER_API, Sureness.SEEN)
async def gone(bench: Bench) -> Complaint | None:
    """A provision with the uuid of a resource that was deprovisioned is answered 410."""
    resource = await bench.provisioned()
    removed = await bench.deprovision(resource)
    if not removed.is_success:
        raise NotJudged(Why.NEEDS, f"a deprovision that is answered 2xx, not {removed.status}")
    again = await bench.provider.call("POST", body=bench.build_body(resource.addon))
    if again.is_success:
        await bench.provider.call("DELETE", resource.path)
    return expect_status(again, exactly(410))
