"""How long a provider takes to answer."""

from collections.abc import Awaitable, Callable
from functools import partial

from headrace.checker.articles import PARTNER_API
from headrace.checker.bench import Bench
from headrace.checker.check import Complaint, Feature, Level
from headrace.checker.features.deprovision import remove
from headrace.checker.judging import complain
from headrace.checker.provider import Answer

timing: Feature[Bench] = Feature("time", "How long the provider takes to answer.")


async def provision(bench: Bench) -> Answer:
    return (await bench.first()).answer


async def change_plan(bench: Bench) -> Answer:
    return await bench.change_plan(await bench.first_provisioned(), bench.plans[0])


async def answers_at_all(bench: Bench, *, ask: Callable[[Bench], Awaitable[Answer]]) -> Complaint | None:
    answer = await bench.once(ask)
    return complain(answer, f"an answer within {bench.limits.patience:g} s") if answer.status is None else None


async def answers_soon(bench: Bench, *, ask: Callable[[Bench], Awaitable[Answer]]) -> Complaint | None:
    answer = await bench.once(ask)
    if answer.seconds <= bench.limits.soon:
        return None
    return Complaint(
        expected=f"an answer within {bench.limits.soon:g} s", sent=str(answer.sent), came=f"{answer.seconds:.1f} s"
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
