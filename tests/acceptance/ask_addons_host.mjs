// Pulls or pushes a manifest as Heroku's plugin for add-on partners does, over the client that the plugin is made with:
// node ask_addons_host.mjs MODULES pull SLUG | push
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const [modules, command, slug] = process.argv.slice(2)
const { APIClient } = await import(pathToFileURL(join(modules, '@heroku-cli/command/lib/index.js')))

const client = new APIClient({ version: '11.10.0', platform: 'linux' }, {})
const headers = { Accept: 'application/json', 'Content-Type': 'application/json' }
const file = existsSync('addon_manifest.json') ? 'addon_manifest.json' : 'addon-manifest.json'

try {
  const sent = command === 'push' ? JSON.parse(readFileSync(file, 'utf8')) : undefined
  const answer = sent
    ? await client.post(`/api/v3/addons/${encodeURIComponent(sent.id)}/manifests`, { headers, body: { contents: sent } })
    : await client.get(`/api/v3/addons/${encodeURIComponent(slug)}/current_manifest`, { headers })
  writeFileSync(file, JSON.stringify(answer.body.contents, null, 2))
} catch (error) {
  const said = error.body?.error
  console.error([].concat(said?.base ?? said ?? error.message).join(', '))
  process.exitCode = 1
}
