#!/usr/bin/env bash
# Expected: format: time is a full-time of RFC 3339, which needs Z or an offset: JSON Schema 2020-12 and the format registry of OpenAPI say so, and jsonschema
# and jsonschema-rs check it so.
# Happens: the format checker that openapi-schema-validator (and openapi-core, which builds on it) ships has the time of JSON Schema draft 3, HH:MM:SS:
# "12:00:00Z" is refused and "12:00:00" is taken, for 3.0, 3.1 and 3.2. FastAPI writes aware times with Z under this very format.
# Means: a service checked with openapi-core refuses right bodies and passes the wrong ones; a partner who wrote to the letter of the
# description gets a 400. Leave format: time out of what it checks, or give it a checker of your own.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check openapi-schema-validator==0.8.1 jsonschema==4.26.0 rfc3339-validator==0.1.4 jsonschema-rs==0.60.3 pydantic==2.14.4
cat >"$dir/run.py" <<'PY'
import datetime
from importlib.metadata import version

import jsonschema
import jsonschema_rs
import openapi_schema_validator as openapi
import pydantic

adapter = pydantic.TypeAdapter(datetime.time)
schema = adapter.json_schema()
noon = adapter.dump_python(datetime.time(12, tzinfo=datetime.timezone.utc), mode="json")
draft = jsonschema.Draft202012Validator
print(f"openapi-schema-validator {version('openapi-schema-validator')}; pydantic writes noon in UTC as {noon} under {schema}")
for text, right in ((noon, True), ("12:00:00+01:00", True), ("12:00:00", False)):
    ours = {
        kind: getattr(openapi, f"{kind}Validator")(schema, format_checker=getattr(openapi, f"{kind}Validator").FORMAT_CHECKER).is_valid(text)
        for kind in ("OAS30", "OAS31", "OAS32")
    }
    checked = draft(schema, format_checker=draft.FORMAT_CHECKER).is_valid(text)
    others = checked, jsonschema_rs.Draft202012Validator(schema, validate_formats=True).is_valid(text)
    print(f"    {text:16}{ours}; jsonschema and jsonschema-rs {others}")
    assert set(ours.values()) == {not right}, "changed"
    assert others == (right, right), "changed: the others"
PY
"$dir/venv/bin/python" "$dir/run.py"
