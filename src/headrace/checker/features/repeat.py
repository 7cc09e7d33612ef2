"""Heroku delivers at least once: what comes again changes nothing, and what is gone stays gone."""

import asyncio
from dataclasses import dataclass

from headrace.checker.features.asynchronous import complain_of_calls
from headrace.checker.features.sso import build_form, is_let_in
from headrace.checker.kit.articles import PARTNER_API, PARTNERS
from headrace.checker.kit.calls import asks_for_token
from headrace.checker.kit.fact import Complaint, Feature, NotJudged, Sureness, Why
from headrace.checker.kit.harness import Harness, Resource
from headrace.checker.kit.judging import (
    REFUSAL,
    SUCCESS,
    UNAVAILABLE,
    complain,
    exactly,
    expect_same_id,
    expect_status,
    first_of,
)
from headrace.checker.kit.seconds import read_seconds

# A provider may let go of a resource a moment after it has said so.
PAUSE_SECONDS = 0.1

repeat: Feature[Harness] = Feature("repeat", "What is answered to a provision that comes again.")


@repeat.must(PARTNER_API)
async def status(harness: Harness) -> Complaint | None:
    """A provision that comes again is answered 2xx, like the first time."""
    resource = await harness.accepted()
    return expect_status(await harness.send_provision(resource.addon), SUCCESS)


@repeat.must(PARTNER_API)
async def same_id(harness: Harness) -> Complaint | None:
    """A provision that comes again is answered with the same `id`: there is no second resource."""
    resource = await harness.accepted()
    again = await harness.send_provision(resource.addon)
    if not again.is_success:
        raise NotJudged(Why.NEEDS, "a repeat that is answered 2xx")
    return expect_same_id(again, resource.answer)


@repeat.must(PARTNER_API)
async def one_resource(harness: Harness) -> Complaint | None:
    """A provision that came twice is ended by one deprovision: there is no second resource behind the first."""
    once = await harness.once(end_single)
    if not once.may_tell:
        raise NotJudged(Why.NEEDS, "a provider that tells what was deprovisioned from what is there")
    ended = await end_doubled(harness)
    if ended.is_there_unlike(once):
        # It may have been at its work still, in the background: another one is given time.
        ended = await end_doubled(harness, patience=harness.limits.soon)
    expected = f"{once.shown}, as of one that came once"
    return Complaint(expected=expected, came=ended.shown) if ended.is_there_unlike(once) else None


@repeat.should(PARTNERS, Sureness.SEEN)
async def one_exchange(harness: Harness) -> Complaint | None:
    """The grant of a provision that comes again is exchanged once: it is good for one exchange."""
    if not harness.has_callback:
        raise NotJudged(Why.EXCLUDED, "the provider cannot call the checker's Heroku")
    resource = await harness.accepted()
    if not (await harness.send_provision(resource.addon)).is_success:
        raise NotJudged(Why.NEEDS, "a repeat that is answered 2xx")

    def is_refused() -> bool:
        return any(asks_for_token(call) and call.status in REFUSAL.members for call in harness.list_calls(resource))

    if resource.is_asynchronous:
        await harness.until_settled(resource)
    if await harness.until(is_refused, within=harness.limits.soon):
        return complain_of_calls(harness, resource, "one POST /oauth/token with the grant's code")
    if not any(asks_for_token(call) for call in harness.list_calls(resource)):
        raise NotJudged(Why.NOT_DECLARED, "the provider exchanges no grant")
    return None


@repeat.should(PARTNER_API)
async def same_config(harness: Harness) -> Complaint | None:
    """A repeat of a synchronous provision is answered with the same config vars."""
    resource = await harness.accepted()
    if resource.is_asynchronous:
        raise NotJudged(Why.NOT_DECLARED, "the provider provisions asynchronously")
    again = await harness.send_provision(resource.addon)
    if not again.is_success:
        raise NotJudged(Why.NEEDS, "a repeat that is answered 2xx")
    is_same = (again.json or {}).get("config") == (resource.answer.json or {}).get("config")
    return None if is_same else complain(again, "the same `config` as the first time")


@repeat.should(PARTNER_API, Sureness.UNCERTAIN)
async def at_once(harness: Harness) -> Complaint | None:
    """Two equal provisions at once make one resource: each is answered with the same `id`, or asked to wait."""
    addon = harness.begin()
    answers = await harness.post_together(2, addon)
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
async def other_content(harness: Harness) -> Complaint | None:
    """A known uuid with another region makes no second resource: it is refused, or answered with the same `id`."""
    resource = await harness.accepted()
    again = await harness.send_provision(resource.addon, {"region": "amazon-web-services::eu-west-1"})
    return expect_status(again, SUCCESS | REFUSAL) or (
        expect_same_id(again, resource.answer) if again.is_success else None
    )


@repeat.should(PARTNER_API, Sureness.SEEN)
async def gone(harness: Harness) -> Complaint | None:
    """A provision with the uuid of a resource that was deprovisioned is answered 410."""
    resource = await harness.provisioned()
    removed = await harness.deprovision(resource)
    if not removed.is_success:
        raise NotJudged(Why.NEEDS, f"a deprovision that is answered 2xx, not {removed.status}")
    return expect_status(await harness.post(harness.build_body(resource.addon)), exactly(410))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What is answered about a resource that was deprovisioned: the signs that it is there all the same."""

    signs: tuple[bool, ...]
    shown: str

    @property
    def may_tell(self) -> bool:
        return not all(self.signs)

    def is_there_unlike(self, once: "Ended") -> bool:
        """Whether a sign is there that was not with a resource of which there was one."""
        return any(after and not before for after, before in zip(self.signs, once.signs, strict=True))


async def end_single(harness: Harness) -> Ended:
    """End a resource whose provision came once."""
    return await end(harness, await harness.provisioned())


async def end_doubled(harness: Harness, *, patience: float = 0.0) -> Ended:
    """End a resource whose provision came twice."""
    resource = await harness.accepted()
    if not (await harness.send_provision(resource.addon)).is_success:
        raise NotJudged(Why.NEEDS, "a repeat that is answered 2xx")
    return await end(harness, await harness.finish(resource), patience=patience)


async def end(harness: Harness, resource: Resource, *, patience: float = 0.0) -> Ended:
    """Deprovision, try a plan change and a login until they are refused, or for long enough, and then once more.

    Before that it waits for so many seconds.
    """
    has_sso = bool(harness.manifest.sso_url)
    form = await build_form(harness, resource) if has_sso else {}
    removed = await harness.deprovision(resource)
    if not removed.is_success:
        raise NotJudged(Why.NEEDS, f"a deprovision that is answered 2xx, not {removed.status}")
    deadline = read_seconds() + harness.limits.soon
    while True:
        change = await harness.change_plan(resource, harness.plans[0])
        login = await harness.provider.log_in(form) if has_sso else None
        lets_in = login is not None and await is_let_in(harness, login)
        if not (change.is_success or lets_in) or read_seconds() > deadline:
            break
        await asyncio.sleep(PAUSE_SECONDS)
    await asyncio.sleep(patience)
    again = await harness.deprovision(resource)
    logging_in = f", a login {login}" if login else ""
    return Ended(
        signs=(change.is_success, lets_in, again.is_success),
        shown=f"once it is deprovisioned, a plan change is answered {change}{logging_in}, a deprovision {again}",
    )
