#!/usr/bin/env bash
# Expected: Decimal("19.9"), written by Apache Avro's own Python library into a decimal of scale 2, is 19.90 when it is read, as with fastavro; a number
# with more digits than the precision is refused.
# Happens: the digits are written as they stand and the exponent is left out: 19.9 is read as 1.99, 20 as 0.20, 1E+2 as 0.01, and silently so. Only a
# number with exactly as many places as the scale is right; more places are refused. The precision is checked nowhere: 19999.99 fits into four digits.
# Means: prices that were computed, read from JSON or normalised (19.90 is 19.9 then) are ten or a hundred times too small in the file, and every reader
# agrees on it. Give each number its places first: price.quantize(Decimal("0.01")), or write with fastavro.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check avro==1.12.2 fastavro==1.13.1
cat >"$dir/run.py" <<'PY'
import io
import json
from decimal import Decimal
from importlib.metadata import version

import avro.errors
import avro.io
import avro.schema
import fastavro

SCHEMA = {"type": "bytes", "logicalType": "decimal", "precision": 6, "scale": 2}
ours = avro.schema.parse(json.dumps(SCHEMA))


def with_avro(price):
    file = io.BytesIO()
    avro.io.DatumWriter(ours).write(price, avro.io.BinaryEncoder(file))
    return file.getvalue()


def with_fastavro(price):
    file = io.BytesIO()
    fastavro.schemaless_writer(file, SCHEMA, price)
    return file.getvalue()


def read(content):
    """What both libraries read."""
    one = avro.io.DatumReader(ours).read(avro.io.BinaryDecoder(io.BytesIO(content)))
    other = fastavro.schemaless_reader(io.BytesIO(content), SCHEMA)
    assert one == other, "changed: the readers"
    return str(one)


print(f"written by avro {version('avro')}, by fastavro {version('fastavro')}")
wanted = {"19.90": "19.90", "19.9": "1.99", "20": "0.20", "1E+2": "0.01", "-0.5": "-0.05"}
for text, wrong in wanted.items():
    price = Decimal(text)
    found = read(with_avro(price)), read(with_fastavro(price))
    print(f"{text:6}", *(f"{value:>8}" for value in found))
    assert found[0] == wrong, f"changed: {text} of avro"
    assert Decimal(found[1]) == price, f"changed: {text} of fastavro"
try:
    with_avro(Decimal("19.999"))
    raise SystemExit("changed: more places are taken")
except avro.errors.AvroOutOfScaleException as error:
    print("19.999 refused:", error)
few = avro.schema.parse(json.dumps(SCHEMA | {"precision": 4}))
file = io.BytesIO()
avro.io.DatumWriter(few).write(Decimal("19999.99"), avro.io.BinaryEncoder(file))
print("19999.99 with a precision of 4: written,", fastavro.schemaless_reader(io.BytesIO(file.getvalue()), SCHEMA | {"precision": 9}))
try:
    fastavro.schemaless_writer(io.BytesIO(), SCHEMA | {"precision": 4}, Decimal("19999.99"))
    raise SystemExit("changed: fastavro takes it")
except ValueError as error:
    print("fastavro:", error)
PY
"$dir/venv/bin/python" "$dir/run.py"
