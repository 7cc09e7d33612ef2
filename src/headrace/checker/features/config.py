"""The config vars that a provider gives the customer's app, in its answer or through the Platform API."""

from collections.abc import Mapping
from typing import Any

from headrace.checker.kit.articles import KENSA, PARTNER_API
from headrace.checker.kit.calls import is_config, read_config_vars
from headrace.checker.kit.fact import Complaint, Feature, NotJudged, Sureness, Why
from headrace.checker.kit.harness import Harness
from headrace.protocol.manifest import read_origin

config: Feature[Harness] = Feature("config", "The config vars that the customer's app gets.")


@config.must(PARTNER_API)
async def is_flat(harness: Harness) -> Complaint | None:
    """`config` in an answer is an object of names and values."""
    answer = (await harness.first_provisioned()).answer
    given = (answer.json or {}).get("config", {})
    if isinstance(given, dict) and not any(isinstance(value, dict | list) for value in given.values()):
        return None
    return Complaint(expected="an object without objects in it", sent=str(answer.sent), came=str(answer))


@config.must(PARTNER_API)
async def declared(harness: Harness) -> Complaint | None:
    """Every name is one that the manifest declares in `config_vars`."""
    names = harness.manifest.find_undeclared(await find_config(harness))
    return complain(f"only {', '.join(harness.manifest.config_vars)}", f"{', '.join(names)} too") if names else None


@config.should(PARTNER_API, Sureness.SEEN)
async def text(harness: Harness) -> Complaint | None:
    """Every value is text."""
    given = await find_config(harness)
    others = {
        name: type(value).__name__ for name, value in given.items() if not isinstance(value, str | dict | list | None)
    }
    came = ", ".join(f"{name} is of type {kind}" for name, kind in others.items())
    return complain("text for every value", came) if others else None


@config.should(KENSA, Sureness.SEEN)
async def absolute_url(harness: Harness) -> Complaint | None:
    """The value of a name that ends in _URL is an absolute URL."""
    urls = await find_urls(harness)
    wrong = [name for name, url in urls.items() if not all(read_origin(url))]
    return complain("a scheme and a host in every URL", f"none in {', '.join(wrong)}") if wrong else None


async def find_urls(harness: Harness) -> dict[str, str]:
    """Return the values that should be URLs, as Heroku has them."""
    resource = await harness.first_provisioned()
    given: Mapping[str, Any] = await find_config(harness)
    if resource.is_asynchronous:
        given = resource.addon.config
    urls = {name: value for name, value in given.items() if name.endswith("_URL") and isinstance(value, str)}
    if not urls:
        raise NotJudged(Why.NOT_DECLARED, "the provider sets no config var that ends in _URL")
    return urls


async def find_config(harness: Harness) -> dict[str, Any]:
    """Return the config vars of the first resource; the text of those set through the Platform API is masked."""
    resource = await harness.first_provisioned()
    given = (resource.answer.json or {}).get("config")
    found: dict[str, Any] = dict(given) if isinstance(given, dict) else {}
    for call in harness.list_calls(resource):
        if is_config(call):
            found |= read_config_vars(call) or {}
    if not found:
        raise NotJudged(Why.NOT_DECLARED, "the provider sets no config vars")
    return found


def complain(expected: str, came: str) -> Complaint:
    return Complaint(expected=expected, came=came)
