#!/usr/bin/env bash
# Expected: a record that Heroku's AppLink library for Node has read can be copied, changed and written back: { ...record.fields, Name: 'New' }. Fields are
# read by their name in any spelling (fields.Name, fields.name).
# Happens: copied with spread, Object.assign or JSON, all names are in small letters, so the copy has no Name, and 'Name' in fields is false: the update sends
# "name": "Acme" and "Name": "New" at once. What the copy has as type is not sent at all: update() and a unit of work both take a member of that name out,
# so the Type of an Account or a Contact is never written. A unit of work with Id for id goes to .../sobjects/Account/undefined; update() takes both.
# The types say id: string and { [key: string]: unknown }; README and changelog are silent of all this.
# Means: which of two values Salesforce takes is its own affair, a changed Type is lost without an error, and JSON made of a record for a browser has other
# names than the query. Name each field that is to be written, Type with a capital.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
npm install --prefix "$dir" --no-audit --no-fund --loglevel=error 'node@26.10.0' '@heroku/applink@1.1.0' >"$dir/npm.txt" 2>&1 || { cat "$dir/npm.txt"; exit 1; }
cat >"$dir/run.cjs" <<'JS'
const { init } = require('@heroku/applink')
const fs = require('node:fs')
const http = require('node:http')

const record = { attributes: { type: 'Account' }, Id: '001', Name: 'Acme', Type: 'Customer' }
let sent
const server = http.createServer((request, answer) => {
  let body = ''
  request.on('data', (part) => { body += part }).on('end', () => {
    const salesforce = `http://127.0.0.1:${server.address().port}`
    const org = { id: '00D', api_version: 'v62.0', instance_url: salesforce, type: 'SalesforceOrg', user_auth: { access_token: 'made-up', user_id: '005', username: 'ada' } }
    const graph = { graphResponse: { compositeResponse: [{ referenceId: 'referenceId0', httpStatusCode: 204, httpHeaders: {}, body: null }] } }
    answer.setHeader('content-type', 'application/json')
    if (request.url.startsWith('/authorizations')) return answer.end(JSON.stringify({ org }))
    if (request.method === 'GET') return answer.end(JSON.stringify({ done: true, totalSize: 1, records: [record] }))
    const part = request.method === 'POST' ? JSON.parse(body).graphs[0].compositeRequest[0] : { url: request.url, body: JSON.parse(body) }
    sent = `${part.url.replace('/services/data/v62.0', '')} ${JSON.stringify(part.body)}`
    if (request.method === 'PATCH') answer.statusCode = 204
    answer.end(request.method === 'POST' ? JSON.stringify({ graphs: [graph] }) : '')
  })
}).listen(0, '127.0.0.1', async () => {
  const url = `http://127.0.0.1:${server.address().port}`
  Object.assign(process.env, { HEROKU_APP_ID: 'made-up', HEROKU_APPLINK_API_URL: url, HEROKU_APPLINK_TOKEN: 'made-up' })
  const { dataApi } = await init().addons.applink.getAuthorization('storefront')
  const [{ fields }] = (await dataApi.query('SELECT Id, Name, Type FROM Account')).records
  const unit = (changes) => { const work = dataApi.newUnitOfWork(); work.registerUpdate({ type: 'Account', fields: changes }); return dataApi.commitUnitOfWork(work) }
  console.log('@heroku/applink', JSON.parse(fs.readFileSync('node_modules/@heroku/applink/package.json')).version, 'node', process.version)
  console.log('fields.Name is', fields.Name, "- 'Name' in fields is", 'Name' in fields, '- a copy has', JSON.stringify({ ...fields }))
  const writes = [
    ['update', () => dataApi.update({ type: 'Account', fields: { ...fields, Name: 'New' } }), '/sobjects/Account/001 {"name":"Acme","Name":"New"}'],
    ['unit of work', () => unit({ ...fields, type: 'Partner' }), '/sobjects/Account/001 {"name":"Acme"}'],
    ['unit of work', () => unit({ Id: '001', Name: 'New' }), '/sobjects/Account/undefined {"Id":"001","Name":"New"}']
  ]
  for (const [how, write, wanted] of writes) {
    await write()
    console.log(how, 'sends', sent)
    if (sent !== wanted) { console.log('changed'); process.exitCode = 1 }
  }
  if (fields.Name !== 'Acme' || 'Name' in fields) { console.log('changed'); process.exitCode = 1 }
  server.close()
  server.closeAllConnections()
})
JS
cd "$dir" && node_modules/.bin/node --no-warnings run.cjs
