"""What a provider answers when a customer removes the add-on."""

from uuid import uuid4

from headrace.checker.articles import PARTNER_API
from headrace.checker.bench import Bench
from headrace.checker.check import Complaint, Feature, NotJudged, Sureness, Why
from headrace.checker.judging import SUCCESS, exactly, expect_object, expect_status
from headrace.checker.provider import Answer

deprovision: Feature[Bench] = Feature("deprovision", "What is answered when a customer removes the add-on.")

REMOVED = SUCCESS | exactly(404, 410)


@deprovision.must(PARTNER_API)
async def status(bench: Bench) -> Complaint | None:
    """A deprovision is answered 2xx."""
    return expect_status(await bench.once(remove), SUCCESS)


@deprovision.should(PARTNER_API)
async def json_object(bench: Bench) -> Complaint | None:
    """The answer's body is a JSON object, or empty."""
    return expect_object(await bench.once(remove))


@deprovision.must(PARTNER_API, Sureness.SEEN)
async def twice(bench: Bench) -> Complaint | None:
    """A deprovision that comes again is answered 410, 404 or 2xx: there is nothing any more."""
    resource = await bench.provisioned()
    removed = await bench.deprovision(resource)
    if not removed.is_success:
        raise NotJudged(Why.NEEDS, f"a deprovision that is answered 2xx, not {removed.status}")
    return expect_status(await bench.provider.call("DELETE", resource.path), REMOVED)


@deprovision.must(PARTNER_API, Sureness.SEEN)
async def unknown_uuid(bench: Bench) -> Complaint | None:
    """A deprovision of a uuid that nobody knows is answered 410, 404 or 2xx."""
    return expect_status(await bench.provider.call("DELETE", f"/{uuid4()}"), REMOVED)


@deprovision.must(PARTNER_API, Sureness.SEEN)
async def unfinished(bench: Bench) -> Complaint | None:
    """A deprovision that overtakes an asynchronous provision is answered 2xx, 404 or 410."""
    resource = await bench.accepted()
    if not resource.is_asynchronous:
        raise NotJudged(Why.NOT_DECLARED, "the provider provisions synchronously")
    return expect_status(await bench.deprovision(resource), REMOVED)


async def remove(bench: Bench) -> Answer:
    """Deprovision a resource that nothing else is done with."""
    return await bench.deprovision(await bench.provisioned())
