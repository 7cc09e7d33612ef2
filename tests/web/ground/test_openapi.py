"""The service's description of itself, and whether the service does what it says when a stranger tries it."""

import asyncio
import json
import os
import re
import sys
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from browsing import COOKIE, OPERATOR_COOKIE, log_in, provision, visit
from headrace.service import AddonService
from headrace.web.ground.directory import Directory
from headrace.web.ground.openapi import DescribedRoute
from house.rooms import ROOT
from pair import PASSWORD, SLUG, Acme, Pair, play_pair
from web.programs.calling import make_token

SCRAPE_TOKEN = "metrics-token-5d1e-of-36-characters-"
API_TOKEN = "api-token-of-36-letters-0a1b2c3d4e5f"
SECRET = "operators-secret-of-36-letters-91c2a"
# How many requests of each kind a stranger makes up for each operation.
EXAMPLES = os.environ.get("HEADRACE_TEST_STRANGERS", "4")

# Moments that the standard allows, and of which a database, or a reckoning with them, may have no idea.
EXTREMES = """
import schemathesis
from hypothesis import strategies as st

MOMENTS = [
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+23:59",
    "1582-10-10T12:00:00Z",
    "1969-12-31T23:59:59.999999Z",
    "1970-01-01T00:00:00Z",
    "2016-12-31T23:59:60Z",
    "8999-12-31T23:59:59Z",
    "9000-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999Z",
    "9999-12-31T23:59:59-23:59",
    "2026-11-24T12:00:00.123456789123456789Z",
]
schemathesis.openapi.format("date-time", st.sampled_from(MOMENTS))
"""

CONFIG = f"""
[generation]
allow-x00 = true

[auth.openapi.heroku]
username = "{SLUG}"
password = "{PASSWORD}"

[auth.openapi.scraper]
bearer = "{SCRAPE_TOKEN}"

[auth.openapi.program]
bearer = "PROGRAM"

[auth.openapi.customer]
api_key = "CUSTOMER"

[auth.openapi.operator]
api_key = "OPERATOR"

[checks.positive_data_acceptance]
# What is right may be about a resource that is gone already; whether a login form is right is not in its shape.
expected-statuses = ["2xx", "3xx", 401, 403, 404, 409, 410, 429]

[checks.negative_data_rejection]
# Whoever is not logged in is led to the login.
expected-statuses = [303, "4xx"]

[[operations]]
include-path = "/sso/login"
checks.positive_data_acceptance.expected-statuses = [400, 403]

[[operations]]
include-path = "/api/resources/{{uuid}}/board"
# One of two parameters has to be there, which OpenAPI cannot say; what is imported may not be known to Heroku.
checks.positive_data_acceptance.expected-statuses = ["2xx", 304, 400, 403, 404, 410, 503]
checks.not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", 503]

[[operations]]
include-path-regex = "^/api/(resources|resources/{{uuid}}/(config|rotate|actions/{{name}})|jobs|changes)$"
# What the manifest declares, which hooks there are, and what a cursor is, no schema says.
checks.positive_data_acceptance.expected-statuses = ["2xx", 400, 403, 404, 409, 410, 422]

[[operations]]
include-path = "/api/changes"
# It would wait as long as it is asked to, again and again.
parameters = {{ wait = 1 }}

[[operations]]
include-path-regex = "^/heroku/webhooks/"
# 403 as for any other delivery that cannot be verified, where this check knows only 401.
checks.missing_required_header.enabled = false
"""


def play(database_url: str) -> AbstractAsyncContextManager[Pair]:
    """Play with everything switched on that may be."""
    return play_pair(
        database_url,
        HEADRACE_METRICS_TOKEN=SCRAPE_TOKEN,
        HEADRACE_API_TOKEN=API_TOKEN,
        HEADRACE_OPERATOR_SECRET=SECRET,
    )


async def describe(pair: Pair, *, host: str = "") -> Any:
    """Read the description, as who speaks of that host."""
    headers = {"Host": host} if host else {}
    async with pair.http.get(f"{pair.url}/openapi.json", headers=headers) as answer:
        assert (200, "application/json") == (answer.status, answer.content_type)
        return await answer.json()


async def test_every_route_is_described_but_for_those_that_decline_everything(sqlite_url: str) -> None:
    """Only what refuses every method of the Partner API's addresses, and static files, have no description."""
    async with play(sqlite_url) as pair:
        service = AddonService(pair.parts.settings)
    Acme().register(service)
    base = service.settings.manifest.resources_path

    routes: list[Any] = service.asgi().routes
    undescribed = [route.path for route in routes if not isinstance(route, DescribedRoute | Directory)]

    assert [base, f"{base}/{{uuid}}", f"{base}/{{rest:path}}", "/static"] == undescribed


async def test_the_description_is_whole(sqlite_url: str) -> None:
    """Each operation has an id of its own, every status a meaning, and every type a schema that is one."""
    async with play(sqlite_url) as pair:
        description = await describe(pair)

    operations = [operation for methods in description["paths"].values() for operation in methods.values()]
    assert "3.1.0" == description["openapi"]
    assert len(operations) == len({operation["operationId"] for operation in operations})
    assert all(reply["description"] for operation in operations for reply in operation["responses"].values())
    provisioning = description["paths"]["/heroku/resources"]["post"]
    assert [{"heroku": []}] == provisioning["security"]
    assert {"$ref": "#/components/schemas/ProvisionBody"} == (
        provisioning["requestBody"]["content"]["application/json"]["schema"]
    )
    schemas = description["components"]["schemas"]
    for schema in schemas.values():
        jsonschema_rs.validator_for({**schema, "components": {"schemas": schemas}})
    wanted = set(schemas["ProvisionBody"]["required"])
    assert {"uuid", "plan"} == wanted


async def test_a_generated_client_has_groups_and_names_of_words(sqlite_url: str) -> None:
    """Each operation is in one group that is described; no name tells a module, and no title is there twice."""
    async with play(sqlite_url) as pair:
        description = await describe(pair)
    tags = {tag["name"] for tag in description["tags"]}
    grouped: dict[str, set[str]] = {tag: set() for tag in tags}
    for path, methods in description["paths"].items():
        for operation in methods.values():
            [tag] = operation["tags"]
            grouped[tag].add(path)
    schemas = description["components"]["schemas"]
    titles = [schema["title"] for schema in schemas.values() if "title" in schema]

    assert {"/heroku/resources", "/heroku/resources/{uuid}", "/heroku/webhooks/{uuid}", "/sso/login"} == (
        grouped["heroku"]
    )
    own = {"/board", "/board.json", "/board/check", "/board/logout", "/board/pipelines/{id}"}
    assert {"/", *own} == grouped["board"]
    assert {"/metrics", "/health", "/ready", "/openapi.json"} == grouped["watching"]
    assert all(path.startswith("/operators") for path in grouped["operators"])
    assert all(path.startswith("/api/") for path in grouped["api"])
    assert [] == [name for name in schemas if not name.isalnum()]
    assert len(titles) == len(set(titles))


def test_a_linter_finds_a_word_about_every_operation() -> None:
    """What linters ask for: who may call it, a group that is described, each part of its path, and what may go wrong.

    Beyond that they want a 2xx of forms, which lead on with a 303, and a 4xx of what refuses nobody.
    """
    description = json.loads((ROOT / "tests" / "house" / "public" / "openapi.json").read_text(encoding="utf-8"))
    operations = {
        (path, method): operation
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    }
    of_programs = {key: each for key, each in operations.items() if each["tags"] == ["api"]}

    assert len(of_programs) > 15
    assert {} == {
        key: each for key, each in operations.items() if not re.fullmatch("For [^.]+\\.", each["description"])
    }
    assert {} == {key: each for key, each in operations.items() if not re.fullmatch("[A-Z].+\\.", each["summary"])}
    assert {"For a program with a token."} == {each["description"] for each in of_programs.values()}
    assert {True} == {{"2", "4"} <= {status[0] for status in each["responses"]} for each in of_programs.values()}
    for (path, _), operation in operations.items():
        declared = {each["name"] for each in operation["parameters"] if each["in"] == "path"}
        assert declared == {*re.findall(r"{(\w+)}", path)}, path


@pytest.mark.parametrize(("host", "prefix"), [("", ""), ("acme.example", "__Host-")])
async def test_the_cookies_are_called_what_a_browser_calls_them_there(sqlite_url: str, host: str, prefix: str) -> None:
    """On https their names bind them to the host; on a laptop there is no https."""
    async with play(sqlite_url) as pair:
        schemes = (await describe(pair, host=host))["components"]["securitySchemes"]

    assert [f"{prefix}{COOKIE}", f"{prefix}{OPERATOR_COOKIE}"] == [
        schemes["customer"]["name"],
        schemes["operator"]["name"],
    ]


async def test_what_is_switched_off_is_not_described(sqlite_url: str) -> None:
    """Without an operators' secret there are no operators' addresses, here either."""
    async with play_pair(sqlite_url) as pair:
        assert not [path for path in (await describe(pair))["paths"] if path.startswith("/operators")]


async def test_an_address_names_every_method_that_it_takes(sqlite_url: str) -> None:
    """Also where each method has a route of its own."""
    async with play(sqlite_url) as pair:
        page = await visit(pair, "/operators/login", method="PUT")

    assert (405, "GET, HEAD, POST") == (page.status, page.headers["Allow"])


@pytest.mark.long
@pytest.mark.acceptance
async def test_a_stranger_who_tries_everything_finds_what_is_described(database_url: str, tmp_path: Path) -> None:
    """Made-up requests to every operation, right and wrong, with and without credentials: never a 5xx, never a status,
    a type or a body that the description does not have, never an answer that wanted a login without one."""
    status, said = await try_everything(database_url, tmp_path)

    assert 0 == status, said


@pytest.mark.acceptance
async def test_a_stranger_who_sends_what_no_database_can_store_finds_what_is_described(
    database_url: str, tmp_path: Path
) -> None:
    """Right in their shape, and with NULs and moments of other ages: refused or taken, and never a 5xx."""
    hooks = tmp_path / "extremes.py"
    hooks.write_text(EXTREMES, encoding="utf-8")
    checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
    status, said = await try_everything(
        database_url, tmp_path, "--mode=positive", f"--checks={checks}", hooks=f'hooks = "{hooks}"\n'
    )

    assert 0 == status, said


async def try_everything(database_url: str, folder: Path, *options: str, hooks: str = "") -> tuple[int | None, str]:
    """Let Schemathesis make up requests to all that is described; return its exit status and what it said."""
    async with play(database_url) as pair:
        addon = await provision(pair)
        customer = await log_in(pair, addon)
        token = await make_token(pair)
        login = await visit(pair, "/operators/login", form={"secret": SECRET}, name=OPERATOR_COOKIE)
        assert login.cookie is not None
        config = folder / "schemathesis.toml"
        filled = CONFIG.replace("CUSTOMER", customer).replace("OPERATOR", login.cookie.value)
        config.write_text(hooks + filled.replace("PROGRAM", token))

        stranger = await asyncio.create_subprocess_exec(
            Path(sys.executable).with_name("schemathesis"),
            f"--config-file={config}",
            "run",
            f"{pair.url}/openapi.json",
            "--seed=1",
            f"--max-examples={EXAMPLES}",
            "--no-color",
            "--continue-on-failure",
            *options,
            cwd=folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await stranger.communicate()
    return stranger.returncode, said.decode()


def test_a_generated_client_has_a_type_and_a_name_for_everything() -> None:
    """A choice without a type is of anything, and a list that has the name of its class is taken for that."""
    described = json.loads((ROOT / "tests" / "house" / "public" / "openapi.json").read_text(encoding="utf-8"))
    schemas = described["components"]["schemas"]
    untyped = [name for name, schema in schemas.items() if "enum" in schema and "type" not in schema]
    members = {name: schema.get("properties", {}).get(name.lower(), {}) for name, schema in schemas.items()}
    confused = [name for name, member in members.items() if member.get("type", "string") != "string"]

    assert len(schemas) > 100
    assert ([], []) == (untyped, confused)
