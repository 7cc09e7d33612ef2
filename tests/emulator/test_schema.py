"""The emulator's answers against Heroku's published schema, which is not part of this repository."""

import os
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from headrace.emulator import Emulator

from .acme import Wire

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
    ("app", "/apps"),
    ("app", "/apps/storefront"),
    ("app", "/users/~/apps"),
    ("release", "/apps/storefront/releases"),
    ("release", "/apps/storefront/releases/1"),
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
    ("add-on-attachment", "/addon-attachments"),
    ("add-on-attachment", "/apps/storefront/addon-attachments"),
    ("add-on-attachment", "/addons/schema-check/addon-attachments"),
]

# Members that differ from the schema on purpose, each with its reason.
EXCEPTIONS = {
    "app": {"git_url": "a push must not leave this machine, so the URL is the emulator's own"},
}


@pytest.mark.skipif(not SCHEMA.exists(), reason=f"Heroku's schema is not at {SCHEMA}; set HEADRACE_HEROKU_SCHEMA")
@pytest.mark.parametrize(("definition", "path"), DOCUMENTED)
@pytest.mark.parametrize("expansion", ["", "plan, addon_service"])
async def test_an_answer_is_what_herokus_schema_says(
    heroku: Emulator, wire: Wire, definition: str, path: str, expansion: str
) -> None:
    await heroku.create_addon("storefront", "acme-search:basic", name="schema-check")
    reply = await wire.get(path, Accept_Expansion=expansion)
    found = reply.body if isinstance(reply.body, list) else [reply.body]
    schema = read_schema()

    assert 200 == reply.status
    assert found
    for item in found:
        assert [] == find_errors(schema, definition, item)


def read_schema() -> dict[str, Any]:
    schema: dict[str, Any] = msgspec.json.decode(SCHEMA.read_bytes())
    return schema


def find_errors(schema: dict[str, Any], definition: str, item: dict[str, Any]) -> list[str]:
    properties = schema["definitions"][definition]["properties"]
    tolerated = EXCEPTIONS.get(definition, {})
    root = {"$ref": f"#/definitions/{definition}", "definitions": schema["definitions"]}
    validator = jsonschema_rs.Draft4Validator(root, validate_formats=True)
    errors = [
        f"{list(error.instance_path)}: {error.message}"
        for error in validator.iter_errors(item)
        if not error.instance_path or error.instance_path[0] not in tolerated
    ]
    return errors + [f"{name} is missing" for name in properties if name not in item and name != "provision_message"]
