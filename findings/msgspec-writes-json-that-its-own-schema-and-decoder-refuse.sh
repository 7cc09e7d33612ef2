#!/usr/bin/env bash
# Expected: what msgspec encodes from a well-typed Struct fits msgspec.json.schema of that Struct, and the same type reads it again.
# Happens: a float that is infinite or not a number is written as null, which neither the schema ("number") nor the decoder takes; two members of
# an IntFlag together are written as their sum, which the decoder takes and the schema (an enum of the single members) refuses. And the decoder takes
# a list with repeats for a set, where the schema says uniqueItems. Encoding never raises.
# Means: an OpenAPI document generated from such types calls the server's own good answers invalid (schemathesis, generated clients, validators at
# a gateway), and a row kept as JSON cannot be read back. Keep means and ratios out of Structs as plain floats, or make them float | None.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check 'msgspec==0.22.0' 'jsonschema==4.26.0'
"$dir/venv/bin/python" - <<'PY'
import enum
import json
import math
from importlib.metadata import version

import jsonschema
import msgspec


class Scope(enum.IntFlag):
    READ = 1
    WRITE = 2


def try_it(kind: type, text: bytes) -> tuple[bool, bool]:
    valid = jsonschema.Draft202012Validator(msgspec.json.schema(kind)).is_valid(json.loads(text))
    try:
        msgspec.json.decode(text, type=kind)
    except msgspec.ValidationError:
        return valid, False
    return valid, True


print("msgspec", version("msgspec"), "jsonschema", version("jsonschema"))
for title, kind, text, wanted in (
    ("float, encoded", float, msgspec.json.encode(1.5), (True, True)),
    ("inf, encoded", float, msgspec.json.encode(math.inf), (False, False)),
    ("nan, encoded", float, msgspec.json.encode(math.nan), (False, False)),
    ("one flag, encoded", Scope, msgspec.json.encode(Scope.WRITE), (True, True)),
    ("two flags, encoded", Scope, msgspec.json.encode(Scope.READ | Scope.WRITE), (False, True)),
    ("set, received", set[str], b'["a","a"]', (False, True)),
):
    got = try_it(kind, text)
    print(f"{title:19} {text.decode():10} schema {'takes' if got[0] else 'refuses'} it, decoder {'takes' if got[1] else 'refuses'} it")
    assert got == wanted, f"changed: {title} {got}"
PY
