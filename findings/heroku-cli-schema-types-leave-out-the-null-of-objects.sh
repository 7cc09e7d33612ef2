#!/usr/bin/env bash
# Expected: @heroku-cli/schema, the TypeScript types that Heroku makes of the Platform API's schema, let a member be null where the schema says
# ["object", "null"], as they do for texts (web_url) and for some objects (billed_price, a release's slug).
# Happens: null is missing from the owner of a pipeline, the release of a build, app and add-on of a log drain, the enterprise account of a team and
# others. An add-on's actions are an array and one action at once: addon.actions.url compiles, and is never there.
# Means: under --strict, code that reads a pipeline without owner or a build under way compiles, and ends in a TypeError at run time; a test double with
# null, as Heroku answers, does not compile. Check objects for null whatever the types say.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
npm install --prefix "$dir" --no-audit --no-fund --loglevel=error '@heroku-cli/schema@2.0.1' 'typescript@5.9.3' >"$dir/npm.txt" 2>&1 || { cat "$dir/npm.txt"; exit 1; }
cat >"$dir/right.ts" <<'TS'
import type { AddOn, Release } from '@heroku-cli/schema'
export const url: AddOn['web_url'] = null
export const price: AddOn['billed_price'] = null
export const slug: Release['slug'] = null
TS
cat >"$dir/null.ts" <<'TS'
import type { Build, LogDrain, Pipeline, Team } from '@heroku-cli/schema'
export const owner: Pipeline['owner'] = null
export const release: Build['release'] = null
export const app: LogDrain['app'] = null
export const addon: LogDrain['addon'] = null
export const account: Team['enterprise_account'] = null
TS
cat >"$dir/compiles.ts" <<'TS'
import type { AddOn, Build, Pipeline } from '@heroku-cli/schema'
export const readOwner = (pipeline: Pipeline) => (pipeline.owner === undefined ? 'nobody' : pipeline.owner.id)
export const readRelease = (build: Build) => (build.release === undefined ? 'under way' : build.release.id)
export const readActions = (addon: AddOn) => [addon.actions.url, addon.actions.length]
TS
cd "$dir"
node -p "'@heroku-cli/schema ' + require('@heroku-cli/schema/package.json').version + ', typescript ' + require('typescript').version"
compile() { node_modules/.bin/tsc --noEmit --strict --target es2022 --module esnext --moduleResolution bundler "$@"; }
compile right.ts || { echo 'changed: null of texts and of some objects'; exit 1; }
compile compiles.ts || { echo 'changed: null has to be looked for'; exit 1; }
echo 'right.ts and compiles.ts: no error'
compile null.ts >null.txt || true
cut -c1-110 null.txt
[ "$(grep -c "error TS2322: Type 'null' is not assignable" null.txt)" = 5 ] || { echo 'changed: null of objects'; exit 1; }
cat >run.mjs <<'JS'
import { readOwner } from './out/compiles.js'
try { console.log(readOwner({ id: 'p1', name: 'storefront', owner: null })) } catch (error) { console.log('at run time:', error.name, error.message) }
JS
node_modules/.bin/tsc --strict --target es2022 --module esnext --moduleResolution bundler --outDir out compiles.ts
echo '{"type": "module"}' >out/package.json
node run.mjs | tee run.txt
grep -q TypeError run.txt || { echo 'changed'; exit 1; }
