"""What a provider answers when a customer adds the add-on."""

from headrace.checker.features.asynchronous import complain_of_calls
from headrace.checker.kit.articles import PARTNER_API
from headrace.checker.kit.calls import is_drain
from headrace.checker.kit.fact import Complaint, Feature, NotJudged, Sureness, Why
from headrace.checker.kit.harness import Harness
from headrace.checker.kit.judging import complain, exactly, expect_object, expect_status
from headrace.checker.kit.provider import ProviderAnswer
from headrace.models import State
from headrace.protocol.manifest import SYSLOG_DRAIN, is_drain_url

provision: Feature[Harness] = Feature("provision", "What is answered when a customer adds the add-on.")

JSON_TYPES = ("application/json", "application/vnd.heroku-addons+json")


@provision.must(PARTNER_API)
async def status(harness: Harness) -> Complaint | None:
    """A provision is answered 200 or 201 when it is done, 202 when it goes on in the background."""
    return expect_status((await harness.first()).answer, exactly(200, 201, 202))


@provision.must(PARTNER_API)
async def json_object(harness: Harness) -> Complaint | None:
    """The answer's body is a JSON object."""
    answer = harness.require_accepted(await harness.first()).answer
    return expect_object(answer) if answer.body else complain(answer, "a body that is a JSON object")


@provision.should(PARTNER_API)
async def content_type(harness: Harness) -> Complaint | None:
    """The answer's Content-Type says that it is JSON."""
    answer = harness.require_accepted(await harness.first()).answer
    given = answer.headers.get("content-type", "")
    if given.split(";")[0].strip().lower() in JSON_TYPES:
        return None
    return Complaint(expected=" or ".join(JSON_TYPES), sent=str(answer.sent), came=given or "no Content-Type")


@provision.must(PARTNER_API)
async def has_id(harness: Harness) -> Complaint | None:
    """The answer carries an `id` that is not empty; Heroku keeps it as the add-on's provider_id."""
    answer = await read_first(harness)
    return complain(answer, "an `id`") if read_id(answer) is None else None


@provision.should(PARTNER_API)
async def id_is_text(harness: Harness) -> Complaint | None:
    """The `id` is text; Heroku takes a number too, which its older reference shows."""
    answer = await read_first(harness)
    given = read_id(answer)
    if given is None:
        raise NotJudged(Why.NEEDS, "an answer with an `id`")
    return None if isinstance(given, str) else complain(answer, "an `id` that is text")


@provision.must(PARTNER_API)
async def id_of_its_own(harness: Harness) -> Complaint | None:
    """Two resources have two ids: an `id` is unique across the whole service."""
    first, second = await read_first(harness), (await harness.accepted()).answer
    known, given = read_id(first), read_id(second)
    if known is None or given is None:
        raise NotJudged(Why.NEEDS, "two answers with an `id`")
    return complain(second, f"another `id` than that of another resource, {known!r}") if given == known else None


@provision.should(PARTNER_API)
async def message_is_text(harness: Harness) -> Complaint | None:
    """A `message`, where there is one, is text: Heroku shows it to the customer."""
    answer = await read_first(harness)
    given = (answer.json or {}).get("message", "")
    return None if isinstance(given, str) else complain(answer, "a `message` that is text")


@provision.should(PARTNER_API)
async def config_comes_later(harness: Harness) -> Complaint | None:
    """An answer of 202 carries no `config`: it is set through the Platform API before the add-on is marked."""
    answer = await read_first(harness)
    if answer.status != 202:
        raise NotJudged(Why.NOT_DECLARED, "the provider provisions synchronously")
    return complain(answer, "no `config` beside a 202") if (answer.json or {}).get("config") else None


@provision.should(PARTNER_API, Sureness.SEEN)
async def log_drain_url(harness: Harness) -> Complaint | None:
    """A service that requires `syslog_drain` names a drain of https:// or syslog://: in its answer, or after a 202."""
    if SYSLOG_DRAIN not in harness.manifest.requires:
        raise NotJudged(Why.NOT_DECLARED, "the manifest does not require syslog_drain")
    answer = await read_first(harness)
    given = (answer.json or {}).get("log_drain_url")
    if isinstance(given, str) and is_drain_url(given):
        return None
    expected = "a `log_drain_url` that begins with https:// or syslog://"
    if given is not None or answer.status != 202:
        return complain(answer, expected)
    return await complain_unless_drained(harness, f"{expected}, or PUT /addons/UUID/log-drains/TOKEN before the mark")


async def complain_unless_drained(harness: Harness, expected: str) -> Complaint | None:
    """Wait until a resource is marked or its drain named, whichever comes first."""
    if not harness.has_callback:
        raise NotJudged(Why.EXCLUDED, "a drain that is named later, and so a call back")
    resource = await harness.first()

    def is_named() -> bool:
        return any(is_drain(call) for call in harness.list_calls(resource))

    await harness.until(lambda: is_named() or resource.addon.state is not State.PROVISIONING)
    return None if is_named() else complain_of_calls(harness, resource, expected)


def read_id(answer: ProviderAnswer) -> str | int | None:
    """Return the `id` of an answer, if it is one that Heroku can keep."""
    given = (answer.json or {}).get("id")
    is_kept = isinstance(given, str | int) and not isinstance(given, bool) and given != ""
    return given if is_kept else None


async def read_first(harness: Harness) -> ProviderAnswer:
    """Return the first answer, if it can be read at all."""
    answer = harness.require_accepted(await harness.first()).answer
    if answer.json is None:
        raise NotJudged(Why.NEEDS, "an answer that is a JSON object")
    return answer
