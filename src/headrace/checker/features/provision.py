"""What a provider answers when a customer adds the add-on."""

import re

from headrace.checker.articles import PARTNER_API
from headrace.checker.bench import Bench
from headrace.checker.check import Complaint, Feature, NotJudged, Sureness, Why
from headrace.checker.judging import complain, exactly, expect_object, expect_status
from headrace.checker.provider import Answer

provision: Feature[Bench] = Feature("provision", "What is answered when a customer adds the add-on.")

JSON_TYPES = ("application/json", "application/vnd.heroku-addons+json")
LOG_DRAIN_URL = re.compile(r"(https|syslog)://\S+")


@provision.must(PARTNER_API)
async def status(bench: Bench) -> Complaint | None:
    """A provision is answered 200 or 201 when it is done, 202 when it goes on in the background."""
    return expect_status((await bench.first()).answer, exactly(200, 201, 202))


@provision.must(PARTNER_API)
async def json_object(bench: Bench) -> Complaint | None:
    """The answer's body is a JSON object."""
    answer = bench.require_accepted(await bench.first()).answer
    return expect_object(answer) if answer.body else complain(answer, "a body that is a JSON object")


@provision.should(PARTNER_API)
async def content_type(bench: Bench) -> Complaint | None:
    """The answer's Content-Type says that it is JSON."""
    answer = bench.require_accepted(await bench.first()).answer
    given = answer.headers.get("content-type", "")
    if given.split(";")[0].strip().lower() in JSON_TYPES:
        return None
    return Complaint(expected=" or ".join(JSON_TYPES), sent=str(answer.sent), came=given or "no Content-Type")


@provision.must(PARTNER_API)
async def id_is_text(bench: Bench) -> Complaint | None:
    """The answer carries `id`, a text that is not empty; Heroku keeps it as the add-on's provider_id."""
    answer = await read_first(bench)
    given = (answer.json or {}).get("id")
    return None if isinstance(given, str) and given else complain(answer, "an `id` that is text")


@provision.should(PARTNER_API)
async def message_is_text(bench: Bench) -> Complaint | None:
    """A `message`, where there is one, is text: Heroku shows it to the customer."""
    answer = await read_first(bench)
    given = (answer.json or {}).get("message", "")
    return None if isinstance(given, str) else complain(answer, "a `message` that is text")


@provision.should(PARTNER_API)
async def config_comes_later(bench: Bench) -> Complaint | None:
    """An answer of 202 carries no `config`: it is set through the Platform API before the add-on is marked."""
    answer = await read_first(bench)
    if answer.status != 202:
        raise NotJudged(Why.NOT_DECLARED, "the provider provisions synchronously")
    return complain(answer, "no `config` beside a 202") if (answer.json or {}).get("config") else None


@provision.must(PARTNER_API, Sureness.SEEN)
async def log_drain_url(bench: Bench) -> Complaint | None:
    """A service that requires `syslog_drain` answers a `log_drain_url` that begins with https:// or syslog://."""
    if "syslog_drain" not in bench.manifest.requires:
        raise NotJudged(Why.NOT_DECLARED, "the manifest does not require syslog_drain")
    answer = await read_first(bench)
    given = (answer.json or {}).get("log_drain_url")
    if isinstance(given, str) and LOG_DRAIN_URL.fullmatch(given):
        return None
    return complain(answer, "a `log_drain_url` that begins with https:// or syslog://")


async def read_first(bench: Bench) -> Answer:
    """Return the first answer, if it can be read at all."""
    answer = bench.require_accepted(await bench.first()).answer
    if answer.json is None:
        raise NotJudged(Why.NEEDS, "an answer that is a JSON object")
    return answer
