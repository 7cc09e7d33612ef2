"""How long a provider takes to answer."""

from collections.abc import Awaitable, Callable
from functools import partial

from headrace.checker.features.deprovision import remove
from headrace.checker.kit.articles import PARTNER_API
from headrace.checker.kit.fact import Complaint, Feature, Level
from headrace.checker.kit.harness import Harness
from headrace.checker.kit.judging import complain
from headrace.checker.kit.provider import ProviderAnswer

timing: Feature[Harness] = Feature("time", "How long the provider takes to answer.")


async def provision(harness: Harness) -> ProviderAnswer:
    return (await harness.first()).answer


async def change_plan(harness: Harness) -> ProviderAnswer:
    return await harness.change_plan(await harness.first_provisioned(), harness.plans[0])


async def answers_at_all(harness: Harness, *, ask: Callable[[Harness], Awaitable[ProviderAnswer]]) -> Complaint | None:
    answer = await harness.once(ask)
    return complain(answer, f"an answer within {harness.limits.patience:g} s") if answer.status is None else None


async def answers_soon(harness: Harness, *, ask: Callable[[Harness], Awaitable[ProviderAnswer]]) -> Complaint | None:
    answer = await harness.once(ask)
    if answer.seconds <= harness.limits.soon:
        return None
    return Complaint(
        expected=f"an answer within {harness.limits.soon:g} s", sent=str(answer.sent), came=f"{answer.seconds:.1f} s"
    )


for _name, _ask in (("provision", provision), ("plan change", change_plan), ("deprovision", remove)):
    timing.add(
        _name.replace(" ", "-"),
        f"A {_name} is answered before Heroku gives up, after 25 seconds.",
        partial(answers_at_all, ask=_ask),
        level=Level.MUST,
        article=PARTNER_API,
        concerns=_name.replace(" ", "-"),
    )
    timing.add(
        f"{_name.replace(' ', '-')}-soon",
        f"A {_name} is answered within 3 seconds.",
        partial(answers_soon, ask=_ask),
        level=Level.SHOULD,
        article=PARTNER_API,
        concerns=_name.replace(" ", "-"),
    )
