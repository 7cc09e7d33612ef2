#!/usr/bin/env bash
# Expected: loads(token, max_age=300) refuses tokens older than 300 s; a token made this very second is fine on every machine.
# Happens: where the reader's clock is one second behind the writer's, the fresh token raises SignatureExpired ("age -1 < 0"). Times are whole
# seconds, so clocks that differ by milliseconds do it at each turn of a second. Without max_age the same token is read.
# Means: a login link or session signed by one dyno and read at once by another is now and then "expired", with nothing wrong but the clocks;
# whoever shows "your link has expired" there sends people round in a circle. Allow for it: read without max_age and judge the age yourself.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check 'itsdangerous==2.2.0'
"$dir/venv/bin/python" - <<'PY'
import time
from importlib.metadata import version

from itsdangerous import SignatureExpired, TimestampSigner, URLSafeTimedSerializer

NOW = int(time.time())


def build(clock: int) -> URLSafeTimedSerializer:
    class Signer(TimestampSigner):
        def get_timestamp(self) -> int:
            return clock

    return URLSafeTimedSerializer("key", signer=Signer)


token = build(NOW).dumps("resource-1")
print("itsdangerous", version("itsdangerous"))
print("same clock            :", build(NOW).loads(token, max_age=300))
print("299 s later           :", build(NOW + 299).loads(token, max_age=300))
try:
    build(NOW - 1).loads(token, max_age=300)
except SignatureExpired as error:
    print("reader 1 s behind     :", f"SignatureExpired: {error}")
else:
    raise SystemExit("changed: a token from a clock one second ahead is accepted")
print("the same, no max_age  :", build(NOW - 1).loads(token))
PY
