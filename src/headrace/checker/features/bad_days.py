"""Days on which Heroku is busy, away or cut off: a provider tries again, and the customer gets the add-on."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import msgspec

from headrace.checker.articles import PLATFORM_API
from headrace.checker.bench import Bench
from headrace.checker.check import Complaint, Feature, Level, NotJudged, Sureness, Why
from headrace.checker.features.asynchronous import begin_another, complain_unless_provisioned
from headrace.emulator import Fault
from headrace.emulator.records import Addon

bad_days: Feature[Bench] = Feature(
    "bad-days", "What a provider does when Heroku does not answer as usual.", needs_callback=True
)

# How many calls in a row go wrong, and what a 429 asks for, so that the day is over soon.
HITS, RETRY_AFTER = 2, 1
ADDON = "/addons/{}*"


async def survives(bench: Bench, *, fault: Fault) -> Complaint | None:
    addon = await begin_another(bench)
    with going_wrong(bench, fault, addon) as rules:
        complaint = await complain_unless_provisioned(bench, addon)
        untouched = {rule.id for rule in bench.heroku.faults if rule.left == HITS}
        if untouched.issuperset(rules):
            raise NotJudged(Why.NOT_DECLARED, f"the provider made no call to {fault.path.format('…')}")
        return complaint


@contextmanager
def going_wrong(bench: Bench, fault: Fault, addon: Addon) -> Iterator[list[str]]:
    """Let the first calls about an add-on go wrong, by whichever of its two names the provider calls it."""
    faults = bench.heroku.faults
    paths = {fault.path.format(addon.id), fault.path.format(addon.name)}
    rules = [faults.add(msgspec.structs.replace(fault, path=path, count=HITS)) for path in paths]
    try:
        yield rules
    finally:
        for rule in {rule.id for rule in faults}.intersection(rules):
            faults.remove(rule)


for _name, _fact, _fault, _level, _sureness in (
    (
        "rate-limit",
        "A 429 with nothing left in the rate pool is waited for: the add-on ends provisioned.",
        Fault(kind="status", status=429, path=ADDON, retry_after=RETRY_AFTER),
        Level.MUST,
        Sureness.STATED,
    ),
    (
        "unavailable",
        "A 503 of the Platform API is tried again: the add-on ends provisioned.",
        Fault(kind="status", status=503, path=ADDON),
        Level.MUST,
        Sureness.SEEN,
    ),
    (
        "no-tokens",
        "A 503 in answer to the grant's exchange is tried again: the add-on ends provisioned.",
        Fault(kind="status", status=503, path="/oauth/token"),
        Level.MUST,
        Sureness.SEEN,
    ),
    (
        "dropped",
        "A connection that ends without an answer is tried again: the add-on ends provisioned.",
        Fault(kind="drop", path=ADDON),
        Level.SHOULD,
        Sureness.UNCERTAIN,
    ),
    (
        "lost-answer",
        "A call that was carried out, but whose answer was lost, is made again: the add-on ends provisioned.",
        Fault(kind="drop", path=ADDON, after_effect=True),
        Level.SHOULD,
        Sureness.UNCERTAIN,
    ),
):
    bad_days.add(_name, _fact, partial(survives, fault=_fault), level=_level, article=PLATFORM_API, sureness=_sureness)
