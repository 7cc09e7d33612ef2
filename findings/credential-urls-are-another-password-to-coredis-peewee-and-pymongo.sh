#!/usr/bin/env bash
# Expected: a URL that an add-on hands out as a config var, scheme://user:password@host, is read alike by all: the password percent-decoded, and a
# plus sign, which stands for itself in that part of a URL, left alone. So do redis-py, pika, kombu, SQLAlchemy, psycopg, asyncpg, and in Node ioredis,
# redis, mysql2, mongodb and more.
# Happens: coredis and peewee's db_url take the encoded text for the password, and PyMongo makes a space of "+" where MongoDB's own Node driver does not.
# Means: "authentication failed" for some customers only: those whose generated password has one of / + = @ % in it, as base64 has. Generate passwords
# of letters, digits, "-" and "_" (token_urlsafe), which are the same to all of them, encoded or not.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check coredis==6.9.0 peewee==4.5.3 pymongo==4.20.1 redis==8.1.0 pika==1.4.4 SQLAlchemy==2.1.9
npm install --prefix "$dir" --no-audit --no-fund --loglevel=error 'mongodb@7.9.0' 'ioredis@6.0.0' >"$dir/npm.txt" 2>&1 || { cat "$dir/npm.txt"; exit 1; }
cat >"$dir/read.js" <<'JS'
const IORedis = require('ioredis')
const { MongoClient } = require('mongodb')
const password = process.argv[2]
const redis = new IORedis(`redis://ada:${password}@acme.example:6379`, { lazyConnect: true })
console.log(JSON.stringify({
  'mongodb (Node)': new MongoClient(`mongodb://ada:${password}@acme.example/base`).options.credentials.password,
  'ioredis (Node)': redis.options.password
}))
JS
cat >"$dir/read.py" <<'PY'
import json
import subprocess
import sys
from importlib.metadata import version
from urllib.parse import unquote

import coredis
import pika
import redis
from playhouse import db_url
from pymongo.uri_parser import parse_uri
from sqlalchemy import make_url


def read_all(password):
    node = subprocess.run(["node", "read.js", password], check=True, capture_output=True, text=True).stdout
    return json.loads(node) | {
        "redis": redis.Redis.from_url(f"redis://ada:{password}@acme.example").connection_pool.connection_kwargs["password"],
        "pika": pika.URLParameters(f"amqps://ada:{password}@acme.example/v").credentials.password,
        "SQLAlchemy": make_url(f"postgresql://ada:{password}@acme.example/base").password,
        "peewee": db_url.parse(f"postgresql://ada:{password}@acme.example/base")["password"],
        "pymongo": parse_uri(f"mongodb://ada:{password}@acme.example/base")["password"],
        "coredis": coredis.Redis.from_url(f"redis://ada:{password}@acme.example").connection_pool.connection_kwargs["password"],
    }


print(" ".join(f"{name} {version(name)}" for name in ("coredis", "peewee", "pymongo", "redis", "pika", "SQLAlchemy")))
wrong = {}
for password in ("k2%2FxQ%3D", "k2+xQ", "k2-x_Q"):
    for name, read in read_all(password).items():
        print(f"{password:12} {name:15} {read}")
        if read != unquote(password):
            wrong[name, password] = read
assert wrong == {
    ("coredis", "k2%2FxQ%3D"): "k2%2FxQ%3D",
    ("peewee", "k2%2FxQ%3D"): "k2%2FxQ%3D",
    ("pymongo", "k2+xQ"): "k2 xQ",
}, f"changed: {wrong}"
PY
cd "$dir" && "$dir/venv/bin/python" read.py
