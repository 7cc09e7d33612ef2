"""Days on which Heroku is busy, away or cut off: a provider tries again, and the customer gets the add-on."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import msgspec

from headrace.checker.features.asynchronous import begin_another, complain_unless_provisioned
from headrace.checker.kit.articles import PLATFORM_API
from headrace.checker.kit.fact import Complaint, Feature, Level, NotJudged, Sureness, Why
from headrace.checker.kit.harness import Harness
from headrace.emulator import Fault
from headrace.emulator.world.records import Addon

bad_days: Feature[Harness] = Feature(
    "bad-days", "What a provider does when Heroku does not answer as usual.", needs_callback=True
)

# How many calls in a row go wrong, and what a 429 asks for, so that the day is over soon.
HITS, RETRY_AFTER = 2, 1
ADDON = "/addons/{}*"


async def survives(harness: Harness, *, fault: Fault) -> Complaint | None:
    addon = await begin_another(harness)
    with going_wrong(harness, fault, addon) as rules:
        complaint = await complain_unless_provisioned(harness, addon)
        untouched = {rule.id for rule in harness.heroku.faults if rule.left == HITS}
        if untouched.issuperset(rules):
            raise NotJudged(Why.NOT_DECLARED, f"the provider made no call to {fault.path.format('…')}")
        return complaint


@contextmanager
def going_wrong(harness: Harness, fault: Fault, addon: Addon) -> Iterator[list[str]]:
    """Let the first calls about an add-on go wrong, by whichever of its two names the provider calls it."""
    faults = harness.heroku.faults
    paths = {fault.path.format(addon.id), fault.path.format(addon.name)}
    rules = [faults.add(msgspec.structs.replace(fault, path=path, count=HITS)) for path in paths]
    try:
        yield rules
    finally:
        for rule in {rule.id for rule in faults}.intersection(rules):
            faults.remove(rule)


for _name, _text, _fault, _level, _sureness in (
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
        Level.SHOULD,
        Sureness.SEEN,
    ),
    (
        "no-tokens",
        "A 503 in answer to the grant's exchange is tried again: the add-on ends provisioned.",
        Fault(kind="status", status=503, path="/oauth/token"),
        Level.SHOULD,
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
    bad_days.add(_name, _text, partial(survives, fault=_fault), level=_level, article=PLATFORM_API, sureness=_sureness)
