#!/usr/bin/env bash
# Expected: mashumaro, which raises InvalidFieldValue for a date that it cannot read, reads JSON as the declared types say or refuses it, as msgspec and pydantic
# do, each in its way.
# Happens: a bool is bool(value): the words "false", "0" and "no" are True. A list[str] takes a word apart into letters, and in `list[str] | str` it does so first,
# so "web" is ["w", "e", "b"]; null in a list of texts is the word "None". An int cuts 1.9 to 1; of `int | str` the number 1.5 becomes 1.
# Nothing is raised in any of them. (Its README calls it conversion and no validation of business rules.)
# Means: config vars and form fields are texts, and some APIs send one value bare and several as a list: a switch that a customer turned off is on, and a formation
# has the process types w, e and b. Write `str | list[str]`, and give bool fields a deserialize function, or another library.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check mashumaro==3.23 msgspec==0.22.0 pydantic==2.14.4
cat >"$dir/run.py" <<'PY'
import json
from importlib.metadata import version

import msgspec
import pydantic
from mashumaro.codecs.json import JSONDecoder


def told(read):
    try:
        return json.dumps(read())
    except (msgspec.ValidationError, pydantic.ValidationError):
        return "refused"


CASES = [
    (bool, '"false"', "true"),
    (list[str], '"web"', '["w", "e", "b"]'),
    (list[str] | str, '"web"', '["w", "e", "b"]'),
    (str | list[str], '"web"', '"web"'),
    (list[str], '["web", null]', '["web", "None"]'),
    (int | None, "1.9", "1"),
    (int | str, "1.5", "1"),
]
print(*(f"{name} {version(name)}" for name in ("mashumaro", "msgspec", "pydantic")))
for kind, text, wanted in CASES:
    read = told(lambda: JSONDecoder(kind).decode(text))
    others = [told(lambda: msgspec.json.decode(text, type=kind)), told(lambda: pydantic.TypeAdapter(kind).validate_json(text))]
    print(f"{text:13} as {getattr(kind, '__name__', kind)!s:16} mashumaro {read:16} msgspec {others[0]:8} pydantic {others[1]}")
    assert read == wanted, f"changed: {read}"
    assert set(others) <= {"refused", "false", text}, f"changed: {others}"
PY
"$dir/venv/bin/python" "$dir/run.py"
