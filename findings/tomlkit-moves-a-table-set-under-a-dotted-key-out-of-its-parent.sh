#!/usr/bin/env bash
# Expected: a document of tomlkit, changed as a dict and dumped, reads back as that dict; keeping style is all it does besides.
# Happens: a dict put below a dotted key (lint.select = … in [tool.ruff]) is written as a table [lint.per-file-ignores] at the top of the document, without
# the [tool.ruff] before it, and in the midst of the dotted keys: those that follow become its members. The text is valid TOML, the document object
# still shows the right dict, and nothing is raised. An inline table is written in place. Siblings
# of this were mended in 2026 (python-poetry/tomlkit #513, #524, #543).
# Means: a tool that adds a section to pyproject.toml switches off the rules which were there and adds one that nobody reads, until someone
# reads the difference. Dump, read with tomllib and compare before you write the file; or set tomlkit.inline_table().
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check tomlkit==0.15.2
cat >"$dir/run.py" <<'PY'
import sys
from importlib.metadata import version

import tomlkit

if sys.version_info < (3, 11):
    raise SystemExit("needs Python 3.11, which has tomllib")
import tomllib

BEFORE = """\
[tool.ruff]
lint.select = ["E", "F"]
lint.ignore = ["E501"]
format.quote-style = "single"
"""
ADDED = {"tests/*": ["S101"]}


def change(value):
    document = tomlkit.parse(BEFORE)
    document["tool"]["ruff"]["lint"]["per-file-ignores"] = value
    return document.unwrap(), tomlkit.dumps(document)


plain = tomllib.loads(BEFORE)
plain["tool"]["ruff"]["lint"]["per-file-ignores"] = ADDED
wanted, text = change(ADDED)
inline = tomlkit.inline_table()
inline.update(ADDED)
print(f"tomlkit {version('tomlkit')}, put into [tool.ruff] below lint: {ADDED}\n{text}\nread back: {tomllib.loads(text)}")
assert wanted == plain
assert tomllib.loads(text) == {
    "tool": {"ruff": {"lint": {"select": ["E", "F"]}}},
    "lint": {"per-file-ignores": {**ADDED, "lint": {"ignore": ["E501"]}, "format": {"quote-style": "single"}}},
}, "changed"
assert tomllib.loads(change(inline)[1]) == plain, "changed: an inline table"
PY
"$dir/venv/bin/python" "$dir/run.py"
