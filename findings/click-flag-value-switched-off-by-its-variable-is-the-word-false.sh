#!/usr/bin/env bash
# Expected: option("--json", "format", flag_value="json", envvar="APP_JSON") with APP_JSON=0 is a flag that is off: None, as if it were not given.
# Happens: the value is the text "False" (for 0, false, no and off alike), which is true to every `if format:`. Any other word (APP_JSON=text) is
# None, 1 or true is "json". Click 8.1 handed the variable's own text over.
# Means: a deployment that switches such a flag off by its variable switches it on, or writes in a format called "False"; and no test that
# passes flags on the command line can see it. Give flags that have a variable no flag_value, or a Choice.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check 'click==8.5.1'
"$dir/venv/bin/python" - <<'PY'
from importlib.metadata import version

import click
from click.testing import CliRunner


@click.command()
@click.option("--json", "format", flag_value="json", envvar="APP_JSON")
def show(format: str | None) -> None:
    click.echo(repr(format))


print("click", version("click"))
for value, wanted in (("1", "'json'"), ("json", "'json'"), ("0", "'False'"), ("false", "'False'"), ("no", "'False'"), ("text", "None"), ("", "None")):
    shown = CliRunner().invoke(show, [], env={"APP_JSON": value}).output.strip()
    print(f"APP_JSON={value:6} -> {shown}")
    assert shown == wanted, f"changed: APP_JSON={value} gives {shown}"
PY
