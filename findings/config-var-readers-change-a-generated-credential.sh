#!/usr/bin/env bash
# Expected: a credential that an add-on set as a config var, and that is only letters, digits and signs, reaches a Python app's settings as the
# text that it is.
# Happens: django-environ takes a value that begins with "$" for the name of another variable and raises, or gives that one's value, unless
# interpolate is off; dynaconf makes a number of what looks like one: a hexadecimal password of digits around one "e" is infinity, and digits in
# groups lose their underscores. environs, python-decouple and Starlette's Config keep all of them.
# Means: one customer in some thousands cannot log in to what was provisioned for them. A partner generates credentials that begin with a letter
# and are no number in any notation.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check django-environ==0.14.0 dynaconf==3.3.5 environs==15.2.0 python-decouple==3.8 starlette==1.10.0
cat >"$dir/run.py" <<'PY'
import os
from importlib.metadata import version

VALUES = {"ACME_A": "$9fKq2", "ACME_B": "$ACME_C", "ACME_C": "4711e904", "ACME_D": "123_456"}
os.environ |= VALUES

import decouple
import environ
import environs
from dynaconf import Dynaconf
from starlette.config import Config

readers = {
    "django-environ": environ.Env().str,
    "dynaconf": Dynaconf(envvar_prefix="ACME").get,
    "environs": environs.Env().str,
    "python-decouple": decouple.config,
    "starlette": Config(),
}
seen = {}
for name, read in readers.items():
    for variable in VALUES:
        try:
            value = read(variable.removeprefix("ACME_") if name == "dynaconf" else variable)
        except Exception as error:
            value = f"{type(error).__name__}: {error}"
        if value != VALUES[variable]:
            seen[name, VALUES[variable]] = value
            print(f"{name} {version(name)}: {VALUES[variable]!r} is {value!r}")
assert seen == {
    ("django-environ", "$9fKq2"): "ImproperlyConfigured: Set the 9fKq2 environment variable",
    ("django-environ", "$ACME_C"): "4711e904",
    ("dynaconf", "4711e904"): float("inf"),
    ("dynaconf", "123_456"): 123456,
}, f"changed: {seen}"
PY
cd "$dir"
"$dir/venv/bin/python" "$dir/run.py"
