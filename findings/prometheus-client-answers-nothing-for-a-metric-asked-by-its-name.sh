#!/usr/bin/env bash
# Expected: an exporter of prometheus-client asked for one metric, with ?name[]=NAME as its documentation offers, answers with that metric, and for
# one that has no sample yet at least with its HELP and TYPE, as it does when it is asked for all.
# Happens: names are those of samples. A histogram or summary asked for by its own name is answered 200 with an empty body, and so is a counter asked
# for by the name that it has in TYPE of OpenMetrics; a counter with labels and no sample yet is left out although its name is right.
# Means: a scrape that was narrowed to be cheap is healthy (up is 1) and has nothing in it. Ask for NAME_bucket, NAME_sum and NAME_count each, and filter
# by metric_relabel_configs where that is not practical.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check prometheus-client==0.26.0
cat >"$dir/run.py" <<'PY'
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Histogram, Summary, make_wsgi_app

registry = CollectorRegistry()
Histogram("took_seconds", "How long it took.", registry=registry).observe(0.2)
Summary("size_bytes", "How large it was.", registry=registry).observe(7)
Counter("asked_total", "What was asked.", registry=registry).inc()
Counter("failed_total", "What failed.", ["why"], registry=registry)
ask = make_wsgi_app(registry)


def scrape(*names):
    said = []
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/metrics", "QUERY_STRING": "&".join(f"name[]={name}" for name in names)}
    body = b"".join(ask(environ, lambda status, headers: said.append(status)))
    return said[0], len(body.decode().splitlines())


print(f"prometheus-client {version('prometheus-client')}")
whole = scrape()
print(f"all: {whole[0]}, {whole[1]} lines")
for name, is_empty in {
    "took_seconds": True,
    "took_seconds_count": False,
    "size_bytes": True,
    "size_bytes_sum": False,
    "asked": True,
    "asked_total": False,
    "failed_total": True,
}.items():
    status, lines = scrape(name)
    print(f"?name[]={name}: {status}, {lines} lines")
    assert status == "200 OK" and (lines == 0) == is_empty, "changed"
assert whole[1] > 10, "changed"
PY
"$dir/venv/bin/python" "$dir/run.py"
