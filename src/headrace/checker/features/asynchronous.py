"""What a provider does after a 202: grant, config vars, and then the word that the add-on is provisioned, or gone."""

from headrace.checker.kit.articles import ASYNCHRONOUS, LATER_REMOVAL, PARTNERS, PLATFORM_API
from headrace.checker.kit.calls import describe, is_action, is_config, is_done, is_token, read_config_vars
from headrace.checker.kit.fact import Complaint, Feature, NotJudged, Sureness, Why
from headrace.checker.kit.harness import Harness, Resource
from headrace.emulator.world.records import Addon

asynchronous: Feature[Harness] = Feature(
    "asynchronous", "What a provider does at Heroku after it answered a provision 202.", needs_callback=True
)

UNAUTHORIZED = (401, 403)


@asynchronous.must(PARTNERS)
async def grant_exchanged(harness: Harness) -> Complaint | None:
    """The grant is exchanged for a token within the five minutes for which it is good."""
    resource = await find_first(harness)
    if await harness.until(lambda: any(is_token(call) for call in harness.list_calls(resource))):
        return None
    return complain_of_calls(
        harness, resource, f"POST /oauth/token with the grant's code within {harness.limits.wait:g} s"
    )


@asynchronous.must(ASYNCHRONOUS)
async def provisioned(harness: Harness) -> Complaint | None:
    """The add-on is marked with `actions/provision`, or Heroku takes it away after twelve hours."""
    resource = await find_first(harness)
    if await harness.until_settled(resource):
        return None
    expected = f"POST /addons/{resource.uuid}/actions/provision within {harness.limits.wait:g} s"
    return complain_of_calls(harness, resource, expected)


@asynchronous.must(ASYNCHRONOUS)
async def config_before_action(harness: Harness) -> Complaint | None:
    """Config vars are set before the add-on is marked: that is when the customer's app restarts with them."""
    resource = await harness.finish(await find_first(harness))
    if not harness.manifest.config_vars:
        raise NotJudged(Why.NOT_DECLARED, "the manifest declares no config vars")
    # What is set too late may come any moment now.
    await harness.until(
        lambda: any(is_config(call) for call in harness.list_calls(resource)), within=harness.limits.soon
    )
    done = [call for call in harness.list_calls(resource) if is_done(call) and (is_config(call) or is_action(call))]
    if not any(is_config(call) for call in done):
        raise NotJudged(Why.NOT_DECLARED, "the provider sets no config vars")
    return None if is_config(done[0]) else complain_of_calls(harness, resource, "PATCH …/config before the action")


@asynchronous.must(PLATFORM_API)
async def config_is_a_list(harness: Harness) -> Complaint | None:
    """Config vars are sent as a list: `{"config": [{"name": …, "value": …}]}`."""
    resource = await find_first(harness)
    await harness.until_settled(resource)
    for call in harness.list_calls(resource):
        if is_config(call) and read_config_vars(call) is None:
            return Complaint(expected="a list of names and values in `config`", came=call.request)
    return None


@asynchronous.must(PARTNERS)
async def own_token(harness: Harness) -> Complaint | None:
    """What is asked about a resource is asked with that resource's own token, and while it is good."""
    resource = await find_first(harness)
    await harness.until_settled(resource)
    if any(call.status in UNAUTHORIZED for call in harness.list_calls(resource)):
        return complain_of_calls(harness, resource, "no call that is answered 401 or 403")
    return None


@asynchronous.should(PLATFORM_API, Sureness.UNCERTAIN)
async def asks_for_version_3(harness: Harness) -> Complaint | None:
    """Every request asks for `application/vnd.heroku+json; version=3`."""
    addon = await begin_another(harness)
    with harness.switched(needs_accept=True):
        return await complain_unless_provisioned(harness, addon)


@asynchronous.should(LATER_REMOVAL, Sureness.UNCERTAIN)
async def removal_ended(harness: Harness) -> Complaint | None:
    """A deprovision that is answered 202, in Heroku's beta for it, is ended with `actions/deprovision`."""
    resource = await harness.provisioned()
    with harness.switched(async_deprovision=True):
        answer = await harness.deprovision(resource)
        if answer.status != 202:
            raise NotJudged(Why.NOT_DECLARED, "the provider answers a deprovision at once")
        if await harness.until_gone(resource):
            return None
    expected = f"POST /addons/{resource.uuid}/actions/deprovision within {harness.limits.wait:g} s"
    return complain_of_calls(harness, resource, expected)


async def begin_another(harness: Harness) -> Addon:
    """Create an add-on for a provider that has shown that it can provision one there when nothing goes wrong."""
    return harness.begin(like=await harness.finish(await find_first(harness)))


async def complain_unless_provisioned(harness: Harness, addon: Addon) -> Complaint | None:
    """Ask for an add-on, whatever goes wrong meanwhile, and expect it to be provisioned all the same."""
    resource = harness.require_accepted(await harness.ask_for(addon))
    if await harness.until_settled(resource):
        return None
    return complain_of_calls(harness, resource, f"a provisioned add-on within {harness.limits.wait:g} s")


async def find_first(harness: Harness) -> Resource:
    resource = harness.require_accepted(await harness.first())
    if not resource.is_asynchronous:
        raise NotJudged(Why.NOT_DECLARED, "the provider provisions synchronously")
    return resource


def complain_of_calls(harness: Harness, resource: Resource, expected: str) -> Complaint:
    return Complaint(expected=expected, sent=str(resource.answer.sent), came=describe(harness.list_calls(resource)))
