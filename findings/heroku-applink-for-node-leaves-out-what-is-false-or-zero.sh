#!/usr/bin/env bash
# Expected: a record that Heroku's AppLink library for Node reads from Salesforce has the fields that were asked for, with their values, as the one for Python.
# Happens: what is false, 0 or an empty text is left out like what is null (the code keeps a value "if (val)"), in related records too: a checkbox that
# is not ticked is undefined, and so is a balance of nothing. Its types say { [key: string]: unknown }; README, types and issues have no word of it.
# Means: `fields.Active__c === false` is never so, `?? true` turns a customer on, a sum with 0 in it is NaN, and a table in which all are false has no such
# column. No difference is left between "no" and "was not asked". Ask with === true, and read numbers with ?? 0.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
npm install --prefix "$dir" --no-audit --no-fund --loglevel=error 'node@26.10.0' '@heroku/applink@1.1.0' >"$dir/npm.txt" 2>&1 || { cat "$dir/npm.txt"; exit 1; }
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check heroku-applink==1.1.4 aiohttp==3.14.5
cat >"$dir/run.cjs" <<'JS'
const { init } = require('@heroku/applink')
const fs = require('node:fs')
const http = require('node:http')
const { spawn } = require('node:child_process')

const owner = { attributes: { type: 'User' }, IsActive: false }
const record = { attributes: { type: 'Account' }, Id: '001', Active__c: false, Open__c: true, Balance__c: 0, Amount__c: 5, Note__c: '', Empty__c: null, Owner: owner }
const server = http.createServer((request, answer) => {
  const salesforce = `http://127.0.0.1:${server.address().port}`
  const org = { id: '00D', api_version: 'v62.0', instance_url: salesforce, type: 'SalesforceOrg', user_auth: { access_token: 'made-up', user_id: '005', username: 'ada' } }
  answer.setHeader('content-type', 'application/json')
  answer.end(JSON.stringify(request.url.startsWith('/authorizations') ? { org } : { done: true, totalSize: 1, records: [record] }))
}).listen(0, '127.0.0.1', async () => {
  const url = `http://127.0.0.1:${server.address().port}`
  Object.assign(process.env, { HEROKU_APP_ID: 'made-up', HEROKU_APPLINK_API_URL: url, HEROKU_APPLINK_TOKEN: 'made-up' })
  const { dataApi } = await init().addons.applink.getAuthorization('storefront')
  const [{ fields }] = (await dataApi.query('SELECT Id FROM Account')).records
  const seen = Object.fromEntries(Object.keys(record).slice(1, -1).map((name) => [name, fields[name]]))
  console.log('@heroku/applink', JSON.parse(fs.readFileSync('node_modules/@heroku/applink/package.json')).version, 'node', process.version)
  console.log(seen, 'Owner.IsActive:', fields.Owner.fields.IsActive)
  const gone = Object.keys(seen).filter((name) => seen[name] === undefined).join()
  if (gone !== 'Active__c,Balance__c,Note__c,Empty__c' || fields.Owner.fields.IsActive !== undefined) { console.log('changed'); process.exitCode = 1 }
  spawn('venv/bin/python', ['read.py', url], { stdio: 'inherit' }).on('exit', (code) => { process.exitCode ||= code; server.close(); server.closeAllConnections() })
})
JS
cat >"$dir/read.py" <<'PY'
import asyncio
import sys
from importlib.metadata import version

from heroku_applink.config import Config
from heroku_applink.connection import Connection
from heroku_applink.data_api import DataAPI


async def main():
    connection = Connection(Config.default())
    api = DataAPI(org_domain_url=sys.argv[1], api_version="62.0", access_token="made-up", connection=connection)
    fields = (await api.query("SELECT Id FROM Account")).records[0].fields
    await connection.close()
    return {name: value for name, value in fields.items() if name != "Owner"}


fields = asyncio.run(main())
print("heroku-applink", version("heroku-applink"), fields)
assert fields == {"Id": "001", "Active__c": False, "Open__c": True, "Balance__c": 0, "Amount__c": 5, "Note__c": "", "Empty__c": None}, "changed: Python"
PY
cd "$dir" && node_modules/.bin/node --no-warnings run.cjs
