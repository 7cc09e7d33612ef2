#!/usr/bin/env bash
# Expected: to_binary() of cloudevents 2 writes the data of an event whose datacontenttype is application/json as JSON, and from_binary() gives the same data
# back, as to_structured() and from_structured() do.
# Happens: it does so for a dict only. A list is written as Python shows it, ['…', None, True], a boolean as True; a text is written without quotes, so that a
# text of JSON comes back as an object and an empty one as None. There is no error: the sender's own reader gives a text back, the SDK for Node a syntax error.
# (The type hint of data names dict, str and bytes; nothing looks at it, and the structured mode takes a list.) 1.x, still there as cloudevents.v1, wrote JSON.
# Means: a service that moves from 1.x to 2.x and sends a list of changes (or true) sends what no receiver can read, by the very call its tests make.
# Wrap lists in an object, encode the data before as bytes, or send the structured mode.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
npm install --prefix "$dir" --no-audit --no-fund --loglevel=error 'cloudevents@10.0.0' >"$dir/npm.txt" 2>&1 || { cat "$dir/npm.txt"; exit 1; }
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check cloudevents==2.2.0 python-dateutil==2.9.0.post0
cat >"$dir/read.mjs" <<'JS'
import fs from 'node:fs'
import { HTTP } from 'cloudevents'
for (const { headers, body } of JSON.parse(fs.readFileSync('sent.json'))) {
  try { console.log(JSON.stringify(HTTP.toEvent({ headers, body }).data)) } catch (error) { console.log(error.name) }
}
JS
cat >"$dir/run.py" <<'PY'
import json
import pathlib
import subprocess
from importlib.metadata import version

from cloudevents.core.bindings.http import from_binary, from_structured, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from cloudevents.v1.conversion import to_binary as old_to_binary
from cloudevents.v1.http import CloudEvent as OldEvent

FORMAT = JSONFormat()
ABOUT = {"id": "7f3c", "type": "api:addon", "source": "/addons/acme", "datacontenttype": "application/json", "specversion": "1.0"}
SEEN = {  # what is written, what from_binary() gives, what Node gives
    '{"plan": null}': (b'{"plan": null}', {"plan": None}, '{"plan":null}'),
    '[{"plan": null, "paid": true}]': (b"[{'plan': None, 'paid': True}]", "[{'plan': None, 'paid': True}]", "SyntaxError"),
    "true": (b"True", "True", '"True"'),
    '"{\\"plan\\": 1}"': (b'{"plan": 1}', {"plan": 1}, '{"plan":1}'),
    '""': (b"", None, '""'),
}
sent = []
for text, (written, read, _) in SEEN.items():
    data = json.loads(text)
    event = CloudEvent(dict(ABOUT), data)
    message = to_binary(event, FORMAT)
    sent.append({"headers": message.headers, "body": message.body.decode()})
    back = from_binary(message, FORMAT).get_data()
    assert from_structured(to_structured(event, FORMAT), FORMAT).get_data() == data, "changed: structured"
    assert (message.body, back) == (written, read), f"changed: {message.body!r} {back!r}"
old = old_to_binary(OldEvent({k: v for k, v in ABOUT.items() if k != "specversion"}, [{"plan": None}]))[1]
pathlib.Path("sent.json").write_text(json.dumps(sent))
node = subprocess.run(["node", "read.mjs"], check=True, capture_output=True, text=True).stdout.split("\n")
print("cloudevents", version("cloudevents"), "read by itself and by the SDK for Node", json.loads(pathlib.Path("node_modules/cloudevents/package.json").read_text())["version"])
for (text, (written, read, other)), line in zip(SEEN.items(), node):
    print(f"{text:32} is sent as {written.decode():32} and read as {read!r:35} Node: {line}")
    assert line == other, f"changed: Node {line}"
print("cloudevents.v1 sends", old)
assert json.loads(old) == [{"plan": None}], "changed: 1.x"
PY
cd "$dir" && venv/bin/python run.py
