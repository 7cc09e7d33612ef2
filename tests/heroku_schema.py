"""The emulator's answers beside Heroku's published schema, which is not part of this repository."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import jsonschema_rs
import msgspec
import pytest

from headrace.emulator import Exchange
from headrace.emulator.world.traffic import MASK

SCHEMA = Path(
    os.environ.get("HEADRACE_HEROKU_SCHEMA")
    or Path(__file__).parents[2] / "shared" / "heroku" / "platform-api-schema.json"
)

# Stands for the member where an answer is a list and should not be, or the other way about.
LIST = "(list)"
# Stands for the definition of an object without members.
EMPTY = "(empty)"

# Definition, member, and the reason why it differs from the schema on purpose.
MEMBER_EXCEPTIONS: Mapping[tuple[str, str], str] = {
    ("app", "git_url"): "a push must not leave this machine, so the URL is the emulator's own",
    ("team-app", "git_url"): "as for app",
    ("pipeline-coupling", LIST): "the article shows an add-on's token a list of the app's coupling (contract §7.3)",
    ("pipeline-coupling", "pipeline.name"): "the CLI reads it (contract §7.1)",
    ("plan", "price.metered"): "the CLI reads it",
    ("domain", "hostname"): "the schema wants a URI, while its own example is a bare host name",
    ("add-on", "state"): "the state of the asynchronous deprovision beta is not in the schema (contract §1.4)",
    ("add-on-attachment", "addon.plan"): "the CLI asks for it in Accept-Inclusion",
    ("add-on-attachment", "config_vars"): "the CLI asks for it in Accept-Inclusion",
}
# Definition, member, and what stands there whole when the CLI asks for it in Accept-Expansion.
EXPANSIONS: Mapping[tuple[str, str], str] = {
    ("add-on", "addon_service"): "add-on-service",
    ("add-on", "plan"): "plan",
}
# What is left of an object that is not expanded.
REFERENCE = frozenset({"id", "name"})
# Method, path, and the reason why the emulator has an endpoint that the schema has not.
ENDPOINT_EXCEPTIONS: Mapping[tuple[str, str], str] = {
    ("POST", "/oauth/token"): "the id host stands on the same port (contract §2)",
    ("POST", "/logs/{addon}"): "log input stands on the same port (contract §1.2)",
    ("GET", "/vendor/resources/{addon}/oauth-grant"): "for partners, with a manifest's credentials (contract §2.4)",
    ("GET", "/api/v3/apps"): "the add-ons host stands on the same port (contract §6.3)",
    ("GET", "/api/v3/addons/{service}/current_manifest"): "as for the install list (contract §5)",
    ("GET", "/api/v3/addons/{service}/manifests"): "as for the install list (contract §5)",
    ("POST", "/api/v3/addons/{service}/manifests"): "as for the install list (contract §5)",
    ("GET", "/api/v3/addons/{service}/manifests/{manifest}"): "as for the install list (contract §5)",
    ("PUT", "/sources/{source}"): "what a client uploads stands on the same port",
    ("GET", "/sources/{source}"): "as for the upload",
    ("GET", "/streams/{node}/{stream}"): "what a test node writes stands on the same port",
    ("GET", "/pipelines/{pipeline}/repo"): "the CLI's reviewapps commands ask for it",
    ("GET", "/pipelines/{pipeline}/repo/branches/{branch}"): "as for the repository",
    ("GET", "/sso/apps/{app}/addons/{addon}"): "the page that logs a customer in stands on the same port",
    ("GET", "/apps/{app}/addons/{addon}/sso"): "the login form as JSON (contract §4.1)",
    ("GET", "/apps/{app}/usage"): "the official CLI's `usage:addons` asks for it",
    ("GET", "/teams/{team}/usage"): "as for an app",
    ("GET", "/teams/{team}/apps/{app}/usage"): "as for an app",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with an answer. `member` has a dot between levels and is empty for the whole object."""

    exchange: Exchange
    definition: str
    member: str
    problem: str

    @property
    def is_excepted(self) -> bool:
        return (self.definition, self.member) in MEMBER_EXCEPTIONS

    def __str__(self) -> str:
        place = f"{self.definition} {self.member}".strip()
        return ": ".join(filter(None, [f"{self.exchange.method} {self.exchange.path}", place, self.problem]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What the schema says of one endpoint: which object it answers with, or whether with a list of them."""

    method: str
    path: str
    definition: str
    is_list: bool


class HerokuSchema:
    """The schema, read strictly: an object has the members that are listed, all of them and no others."""

    def __init__(self, document: Mapping[str, Any], *, expansions: Mapping[tuple[str, str], str] = EXPANSIONS) -> None:
        self._definitions = _tighten_each(document["definitions"]) | {EMPTY: {"additionalProperties": False}}
        self._expansions = expansions
        links = [
            _read_link(name, link)
            for name, definition in document["definitions"].items()
            for link in definition.get("links", ())
        ]
        # A path that is spelt out goes before one with a placeholder at the same place, as `/teams/permissions`.
        self._links = sorted(links, key=lambda link: link.path.count("{"))
        self._validators: dict[str, jsonschema_rs.Draft4Validator] = {}

    def find_link(self, method: str, path: str) -> Link | None:
        """Find what is said of an endpoint, or of a request to it."""
        return next((link for link in self._links if link.method == method and is_path_of(link.path, path)), None)

    def find_faults(self, exchange: Exchange) -> Iterator[Fault]:
        """Compare an answer of Heroku's side, unless a fault had it spoilt on purpose."""
        is_good = exchange.direction == "to Heroku" and 200 <= (exchange.status or 0) < 300 and not exchange.fault
        if not is_good or not exchange.raw_response:
            return
        link = self.find_link(exchange.method, exchange.path)
        if link is not None:
            for definition, member, problem in self._compare(msgspec.json.decode(exchange.raw_response), link):
                yield Fault(exchange=exchange, definition=definition, member=member, problem=problem)
        elif not is_endpoint_excepted(exchange):
            yield Fault(exchange=exchange, definition="", member="", problem="the schema has no such endpoint")

    def _compare(self, body: Any, link: Link) -> Iterator[tuple[str, str, str]]:
        if isinstance(body, list) != link.is_list:
            yield link.definition, LIST, "is a list" if isinstance(body, list) else "is not a list"
        for item in body if isinstance(body, list) else [body]:
            for definition, part in self._take_apart(link.definition, item):
                for error in self._get_validator(definition).iter_errors(part):
                    yield from ((definition, member, error.message) for member in _find_members(error))

    def _take_apart(self, definition: str, item: Any) -> Iterator[tuple[str, Any]]:
        """Yield what is expanded inside an object, and the object without the expansion."""
        for (owner, member), whole in self._expansions.items():
            if owner == definition and item.get(member, {}).keys() > REFERENCE:
                yield whole, item[member]
                item = item | {member: {name: item[member][name] for name in REFERENCE}}
        yield definition, item

    def _get_validator(self, definition: str) -> jsonschema_rs.Draft4Validator:
        if definition not in self._validators:
            root = {"$ref": f"#/definitions/{definition}", "definitions": self._definitions}
            self._validators[definition] = jsonschema_rs.Draft4Validator(
                root, validate_formats=True, formats={"uuid": _is_uuid}, mask=MASK
            )
        return self._validators[definition]


def read_document() -> dict[str, Any]:
    """Return Heroku's schema as it was published, or leave out, visibly, the test that needs it."""
    if not SCHEMA.exists():
        pytest.skip(f"Heroku's schema is not at {SCHEMA}; set HEADRACE_HEROKU_SCHEMA")
    document: dict[str, Any] = msgspec.json.decode(SCHEMA.read_bytes())
    return document


def find_impossible(document: Mapping[str, Any]) -> dict[str, set[str]]:
    """Return, by its place in a schema, what no answer can meet: needed members not allowed, pointers to nothing."""
    found: dict[str, set[str]] = {}
    for place, part in _list_parts("", document["definitions"]):
        needed, pointer = part.get("required"), part.get("$ref")
        if isinstance(needed, list) and part.get("additionalProperties") is False:
            found.setdefault(place, set()).update(set(needed) - set(part.get("properties", ())))
        if isinstance(pointer, str) and not _is_pointing(document, pointer):
            found.setdefault(place, set()).add(pointer)
    return {place: problems for place, problems in found.items() if problems}


@cache
def read_schema() -> HerokuSchema:
    return HerokuSchema(read_document())


def find_unexpected(exchanges: Iterable[Exchange]) -> list[str]:
    """Return what the schema does not allow and no exception covers, each once."""
    schema = read_schema()
    faults = [fault for exchange in exchanges for fault in schema.find_faults(exchange)]
    return list(dict.fromkeys(str(fault) for fault in faults if not fault.is_excepted))


def is_path_of(template: str, path: str) -> bool:
    """Tell whether a path, or another template, fills the placeholders of a template."""
    wanted, parts = template.split("/"), path.split("/")
    return len(wanted) == len(parts) and all(
        want == part or (want.startswith("{") and part) for want, part in zip(wanted, parts, strict=True)
    )


def is_endpoint_excepted(exchange: Exchange) -> bool:
    return any(
        method == exchange.method and is_path_of(template, exchange.path) for method, template in ENDPOINT_EXCEPTIONS
    )


def _read_link(owner: str, link: Mapping[str, Any]) -> Link:
    """Answers are the definition that has the link, unless it says otherwise."""
    target = link.get("targetSchema", {})
    item = target.get("items", target)
    own = EMPTY if link.get("rel") == "empty" else owner
    return Link(
        method=link["method"],
        path=link["href"],
        definition=item.get("$ref", own).removeprefix("#/definitions/"),
        is_list="items" in target or (not target and link["rel"] == "instances"),
    )


def _list_parts(place: str, part: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every object inside, with the names that lead to it; what stands in a list has the place of the list."""
    if isinstance(part, Mapping):
        yield place, part
        for name, inner in part.items():
            yield from _list_parts(f"{place}.{name}".removeprefix("."), inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _list_parts(place, inner)


def _is_pointing(document: Mapping[str, Any], pointer: str) -> bool:
    found: Any = document
    for name in pointer.removeprefix("#/").split("/"):
        if not isinstance(found, Mapping) or name not in found:
            return False
        found = found[name]
    return True


def _tighten_each(schemas: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _tighten(schema) for name, schema in schemas.items()}


def _tighten(schema: Mapping[str, Any]) -> dict[str, Any]:
    tight = dict(schema)
    for keyword in {"definitions", "properties"} & tight.keys():
        tight[keyword] = _tighten_each(tight[keyword])
    for keyword in {"anyOf", "oneOf"} & tight.keys():
        tight[keyword] = [_tighten(choice) for choice in tight[keyword]]
    if "items" in tight:
        tight["items"] = _tighten(tight["items"])
    if tight.get("properties"):
        tight = {"additionalProperties": False, "required": list(tight["properties"])} | tight
    return tight


def _find_members(error: jsonschema_rs.ValidationError) -> list[str]:
    """Return the members that an error is about."""
    kind, place = error.kind, [part for part in error.instance_path if isinstance(part, str)]
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.Required):
        return [".".join([*place, kind.property])]
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.AdditionalProperties):
        return [".".join([*place, name]) for name in kind.unexpected]
    return [".".join(place)]


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
