"""The emulator's answers against Heroku's published schema, which is not part of this repository."""

import os
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from headrace.emulator import Emulator

from .acme import CLIENT_SECRET, Acme, Wire, answer, change_manifest

SCHEMA = Path(
    os.environ.get("HEADRACE_HEROKU_SCHEMA")
    or Path(__file__).parents[3] / "shared" / "heroku" / "platform-api-schema.json"
)

# Definition, path, and whether the answer is a list.
DOCUMENTED = [
    ("account", "/account"),
    ("account", "/users/~"),
    ("rate-limit", "/account/rate-limits"),
    ("team", "/teams"),
    ("team", "/teams/lumen"),
    ("team-member", "/teams/lumen/members"),
    ("oauth-authorization", "/oauth/authorizations"),
    ("oauth-client", "/oauth/clients"),
    ("region", "/regions"),
    ("region", "/regions/eu"),
    ("stack", "/stacks"),
    ("app", "/apps"),
    ("app", "/apps/storefront"),
    ("app", "/users/~/apps"),
    ("release", "/apps/storefront/releases"),
    ("release", "/apps/storefront/releases/1"),
    ("domain", "/apps/storefront/domains"),
    ("domain", "/apps/storefront/domains/storefront.herokuapp.com"),
    ("formation", "/apps/storefront/formation"),
    ("formation", "/apps/storefront/formation/web"),
    ("dyno", "/apps/storefront/dynos"),
    ("dyno", "/apps/storefront/dynos/web.1"),
    ("collaborator", "/apps/help-centre/collaborators"),
    ("pipeline", "/pipelines"),
    ("pipeline", "/pipelines/storefront"),
    ("pipeline-coupling", "/pipeline-couplings"),
    ("pipeline-coupling", "/apps/storefront/pipeline-couplings"),
    ("add-on-service", "/addon-services"),
    ("add-on-service", "/addon-services/acme-search"),
    ("plan", "/addon-services/acme-search/plans"),
    ("plan", "/plans/acme-search:basic"),
    ("add-on", "/addons"),
    ("add-on", "/addons/schema-check"),
    ("add-on", "/apps/storefront/addons"),
    ("add-on", "/apps/storefront/addons/schema-check"),
    ("add-on-config", "/addons/schema-check/config"),
    ("log-drain", "/apps/storefront/log-drains"),
    ("log-drain", "/addons/schema-check/log-drains"),
    ("add-on-attachment", "/addon-attachments"),
    ("add-on-attachment", "/apps/storefront/addon-attachments"),
    ("add-on-attachment", "/addons/schema-check/addon-attachments"),
]

# Definition and path; items of lists and what is read by its id have to fit.
WEBHOOKS = [
    ("app-webhook/definitions/app_webhook", "/apps/storefront/webhooks"),
    ("app-webhook-delivery", "/apps/storefront/webhook-deliveries"),
    ("app-webhook-event", "/apps/storefront/webhook-events"),
    ("add-on-webhook/definitions/addon_webhook", "/addons/schema-check/webhooks"),
    ("app-webhook-delivery", "/addons/schema-check/webhook-deliveries"),
    ("app-webhook-event", "/addons/schema-check/webhook-events"),
]

PROVISIONED = {"id": "one", "config": {"ACME_SEARCH_URL": "https://in.acme"}, "log_drain_url": "https://logs.acme"}

# Members that differ from the schema on purpose, each with its reason.
EXCEPTIONS = {
    "app": {"git_url": "a push must not leave this machine, so the URL is the emulator's own"},
    "domain": {"hostname": "the schema wants a URI, while its own example is a bare host name"},
}


@pytest.mark.skipif(not SCHEMA.exists(), reason=f"Heroku's schema is not at {SCHEMA}; set HEADRACE_HEROKU_SCHEMA")
@pytest.mark.parametrize(("definition", "path"), DOCUMENTED)
@pytest.mark.parametrize("expansion", ["", "plan, addon_service"])
async def test_an_answer_is_what_herokus_schema_says(
    heroku: Emulator, acme: Acme, wire: Wire, definition: str, path: str, expansion: str
) -> None:
    await make_one_of_each(heroku, acme, wire)
    reply = await wire.get(path, Accept_Expansion=expansion)
    found = reply.body if isinstance(reply.body, list) else [reply.body]
    schema = read_schema()

    assert 200 == reply.status
    assert found
    for item in found:
        assert [] == find_errors(schema, definition, item)


@pytest.mark.skipif(not SCHEMA.exists(), reason=f"Heroku's schema is not at {SCHEMA}; set HEADRACE_HEROKU_SCHEMA")
async def test_a_token_is_what_herokus_schema_says(heroku: Emulator, acme: Acme, wire: Wire) -> None:
    await heroku.create_addon("storefront", "acme-search:basic")
    grant = {"code": acme.received[0].body["oauth_grant"]["code"], "type": "authorization_code"}
    body = {"client": {"secret": CLIENT_SECRET}, "grant": grant, "refresh_token": {}}
    reply = await wire.send("POST", "/oauth/tokens", token=None, json=body)

    assert [] == find_errors(read_schema(), "oauth-token", reply.body)


@pytest.mark.skipif(not SCHEMA.exists(), reason=f"Heroku's schema is not at {SCHEMA}; set HEADRACE_HEROKU_SCHEMA")
@pytest.mark.parametrize(("definition", "path"), WEBHOOKS)
@pytest.mark.parametrize("status", [204, 500])
async def test_webhooks_are_what_herokus_schema_says(
    heroku: Emulator, acme: Acme, wire: Wire, definition: str, path: str, status: int
) -> None:
    """In the list and by itself, delivered or waiting behind one that failed."""
    await heroku.create_addon("storefront", "acme-search:basic", name="schema-check")
    acme.reactions["webhook"] = answer(status, raw=b"")
    wanted = {"include": ["api:addon"], "level": "sync", "url": f"{acme.url}/webhooks/schema"}
    for owner in ("/apps/storefront", "/addons/schema-check"):
        assert 201 == (await wire.send("POST", f"{owner}/webhooks", json=wanted)).status
    await heroku.change_plan("schema-check", "standard")
    await heroku.change_plan("schema-check", "basic")
    await heroku.settle()
    listed = (await wire.get(path)).body
    alone = (await wire.get(f"{path}/{listed[0]['id']}")).body

    assert alone == listed[0]
    for item in listed:
        assert [] == find_errors(read_schema(), definition, item)


async def make_one_of_each(heroku: Emulator, acme: Acme, wire: Wire) -> None:
    change_manifest(heroku, requires=("log_input", "syslog_drain"))
    acme.reactions["POST"] = answer(200, PROVISIONED)
    await heroku.create_addon("storefront", "acme-search:basic", name="schema-check")
    for path, body in (
        ("/oauth/clients", {"name": "bot", "redirect_uri": "https://bot.example"}),
        ("/oauth/authorizations", {"scope": ["read"], "description": "for CI", "expires_in": 60}),
        ("/apps/storefront/log-drains", {"url": "https://drain.example"}),
        ("/apps/storefront/domains", {"hostname": "shop.example.com"}),
    ):
        assert 201 == (await wire.send("POST", path, json=body)).status


def read_schema() -> dict[str, Any]:
    schema: dict[str, Any] = msgspec.json.decode(SCHEMA.read_bytes())
    return schema


def find_errors(schema: dict[str, Any], definition: str, item: dict[str, Any]) -> list[str]:
    """`definition` may be the path of one inside another."""
    found: dict[str, Any] = schema["definitions"]
    for name in definition.split("/"):
        found = found[name]
    tolerated = EXCEPTIONS.get(definition, {})
    root = {"$ref": f"#/definitions/{definition}", "definitions": schema["definitions"]}
    validator = jsonschema_rs.Draft4Validator(root, validate_formats=True)
    errors = [
        f"{list(error.instance_path)}: {error.message}"
        for error in validator.iter_errors(item)
        if not error.instance_path or error.instance_path[0] not in tolerated
    ]
    missing = found["properties"].keys() - item.keys() - {"provision_message"}
    return errors + [f"{name} is missing" for name in sorted(missing)]
