"""What a provider answers when a customer removes the add-on."""

from uuid import uuid4

from headrace.checker.kit.articles import PARTNER_API
from headrace.checker.kit.fact import Complaint, Feature, NotJudged, Sureness, Why
from headrace.checker.kit.harness import Harness
from headrace.checker.kit.judging import SUCCESS, exactly, expect_object, expect_status
from headrace.checker.kit.provider import ProviderAnswer

deprovision: Feature[Harness] = Feature("deprovision", "What is answered when a customer removes the add-on.")

REMOVED = SUCCESS | exactly(404, 410)


@deprovision.must(PARTNER_API)
async def status(harness: Harness) -> Complaint | None:
    """A deprovision is answered 2xx."""
    return expect_status(await harness.once(remove), SUCCESS)


@deprovision.should(PARTNER_API)
async def json_object(harness: Harness) -> Complaint | None:
    """The answer's body is a JSON object, or empty."""
    return expect_object(await harness.once(remove))


@deprovision.must(PARTNER_API)
async def twice(harness: Harness) -> Complaint | None:
    """A deprovision that comes again is answered 410, 404 or 2xx: there is nothing any more."""
    resource = await harness.provisioned()
    removed = await harness.deprovision(resource)
    if not removed.is_success:
        raise NotJudged(Why.NEEDS, f"a deprovision that is answered 2xx, not {removed.status}")
    return expect_status(await harness.deprovision(resource), REMOVED)


@deprovision.should(PARTNER_API, Sureness.SEEN)
async def unknown_uuid(harness: Harness) -> Complaint | None:
    """A deprovision of a uuid that nobody knows is answered 410, 404 or 2xx."""
    return expect_status(await harness.provider.call("DELETE", f"/{uuid4()}"), REMOVED)


@deprovision.should(PARTNER_API, Sureness.SEEN)
async def unfinished(harness: Harness) -> Complaint | None:
    """A deprovision that overtakes an asynchronous provision is answered 2xx, 404 or 410."""
    resource = await harness.accepted()
    if not resource.is_asynchronous:
        raise NotJudged(Why.NOT_DECLARED, "the provider provisions synchronously")
    return expect_status(await harness.deprovision(resource), REMOVED)


async def remove(harness: Harness) -> ProviderAnswer:
    """Deprovision a resource that nothing else is done with."""
    return await harness.deprovision(await harness.provisioned())
