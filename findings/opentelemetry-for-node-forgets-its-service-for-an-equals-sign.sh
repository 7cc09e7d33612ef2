#!/usr/bin/env bash
# Expected: OTEL_RESOURCE_ATTRIBUTES and OTEL_EXPORTER_OTLP_HEADERS, which an add-on sets once for all dynos of an app, say the same to Node and to Python.
# Happens: where a value has "=" or ";" unencoded (team=a=b, a URL with a query, the padding of base64), Node drops the whole variable, service.name with it;
# Python keeps all of it. Of a header, Node cuts the value at ";" and sends what is before it as the key; Python leaves that header out and logs it. The general
# headers and those of one signal are added up in Node, and the latter stand alone in Python.
# The specification wants "," and "=" percent-encoded and a variable with any error dropped, and has no ";" in headers: so Node is right about the
# attributes, and the cut header is nobody's rule.
# Means: a generated key with ";" is refused by the collector for Node services only, and one odd attribute turns a service into unknown_service there.
# Percent-encode every value that is put into these variables.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
npm install --prefix "$dir" --no-audit --no-fund --loglevel=error 'node@26.10.0' '@opentelemetry/exporter-trace-otlp-http@0.301.0' '@opentelemetry/sdk-trace@3.1.1' '@opentelemetry/resources@3.1.1' '@opentelemetry/api@1.10.0' >"$dir/npm.txt" 2>&1 || { cat "$dir/npm.txt"; exit 1; }
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check opentelemetry-sdk==1.45.2 opentelemetry-exporter-otlp-proto-http==1.45.2
cat >"$dir/one.mjs" <<'JS'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { detectResources, resourceAttributesEnvDetector } from '@opentelemetry/resources'
import { SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter: new OTLPTraceExporter() })] })
provider.getTracer('storefront').startSpan('provision').end()
await provider.forceFlush()
await provider.shutdown()
console.log(JSON.stringify(detectResources({ detectors: [resourceAttributesEnvDetector] }).attributes))
JS
cat >"$dir/one.py" <<'PY'
import json

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
provider.get_tracer("storefront").start_span("provision").end()
provider.shutdown()
print(json.dumps(dict(OTELResourceDetector().detect().attributes)))
PY
cat >"$dir/run.py" <<'PY'
import http.server
import json
import os
import pathlib
import subprocess
import threading
from importlib.metadata import version

RECEIVED = []


class Collector(http.server.BaseHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def do_POST(self):
        if self.headers["transfer-encoding"] == "chunked":
            while size := int(self.rfile.readline(), 16):
                self.rfile.read(size + 2)
            self.rfile.readline()
        else:
            self.rfile.read(int(self.headers["content-length"]))
        RECEIVED.append({k.lower(): v for k, v in self.headers.items() if k.lower() in ("api-key", "dataset")})
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
threading.Thread(target=server.serve_forever, daemon=True).start()
HEADERS, TRACES, ATTRIBUTES = "OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_RESOURCE_ATTRIBUTES"
NAME = {"service.name": "shop"}
CASES = [  # variables, headers and attributes of Node, those of Python
    ({HEADERS: "api-key=k1", ATTRIBUTES: "service.name=shop,team=a%3Db"}, [{"api-key": "k1"}, NAME | {"team": "a=b"}], None),
    ({ATTRIBUTES: "service.name=shop,team=a=b"}, [{}, {}], [{}, NAME | {"team": "a=b"}]),
    ({ATTRIBUTES: "service.name=shop,run=https://ci.example/?id=5"}, [{}, {}], [{}, NAME | {"run": "https://ci.example/?id=5"}]),
    ({HEADERS: "api-key=k7;w2,dataset=shop"}, [{"api-key": "k7", "dataset": "shop"}, {}], [{"dataset": "shop"}, {}]),
    ({HEADERS: "api-key=k1", TRACES: "dataset=shop"}, [{"api-key": "k1", "dataset": "shop"}, {}], [{"dataset": "shop"}, {}]),
]
package = json.loads(pathlib.Path("node_modules/@opentelemetry/exporter-trace-otlp-http/package.json").read_text())
print("exporter for Node", package["version"], "for Python", version("opentelemetry-exporter-otlp-proto-http"))
clean = {k: v for k, v in os.environ.items() if not k.startswith("OTEL_")}
for variables, *wanted in CASES:
    print(variables)
    seen = []
    for command in (["node_modules/.bin/node", "one.mjs"], ["venv/bin/python", "one.py"]):
        RECEIVED.clear()
        environment = clean | variables | {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{server.server_port}"}
        said = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
        seen.append([RECEIVED[0], json.loads(said.splitlines()[-1])])
        print("  ", pathlib.Path(command[0]).name, *seen[-1])
    assert seen == [wanted[0], wanted[1] or wanted[0]], "changed"
PY
cd "$dir" && venv/bin/python run.py
