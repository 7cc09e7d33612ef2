#!/usr/bin/env bash
# Expected: Gauge(…, multiprocess_mode="min") of prometheus-client is the smallest value that a process has set; its docs: "the minimum of the values of all
# processes (alive or dead)".
# Happens: a gauge without labels is written as 0 by each process that imports its module, whether it ever sets it or not: the parent that loads the
# application, a worker without work, one just started. min and livemin are then 0, all and liveall have a series of 0 for each. A gauge with labels
# has a value only where it was set; max and mostrecent are right, as long as values are above 0.
# Means: "the oldest connection", "free disk", "seconds since the last success" tell 0 for ever, and after each deploy; an alarm below a bound rings
# always, one above it never. Give such a gauge a label, even one of a single value.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check prometheus-client==0.26.0
cat >"$dir/run.py" <<'PY'
import multiprocessing
from importlib.metadata import version

import prometheus_client
from prometheus_client import multiprocess

MODES = ("min", "livemin", "max", "mostrecent")
plain = {mode: prometheus_client.Gauge(f"free_{mode}", "Free connections.", multiprocess_mode=mode) for mode in MODES}
labelled = {mode: prometheus_client.Gauge(f"free_of_pool_{mode}", "Free.", ["pool"], multiprocess_mode=mode) for mode in MODES}


def work(free):
    for mode in MODES:
        plain[mode].set(free)
        labelled[mode].labels("main").set(free)


for free in (11, 10):
    process = multiprocessing.get_context("fork").Process(target=work, args=[free])
    process.start()
    process.join()
registry = prometheus_client.CollectorRegistry()
multiprocess.MultiProcessCollector(registry)
found = {sample.name: sample.value for metric in registry.collect() for sample in metric.samples}
print(f"prometheus-client {version('prometheus-client')}: two workers set 11 and 10, their parent nothing")
for mode in MODES:
    print(f"    {mode:12} without label {found[f'free_{mode}']}, with {found[f'free_of_pool_{mode}']}")
assert [found[f"free_{mode}"] for mode in MODES] == [0, 0, 11, 10], "changed: without labels"
assert [found[f"free_of_pool_{mode}"] for mode in MODES] == [10, 10, 11, 10], "changed: with labels"
PY
mkdir "$dir/values"
PROMETHEUS_MULTIPROC_DIR="$dir/values" "$dir/venv/bin/python" "$dir/run.py"
