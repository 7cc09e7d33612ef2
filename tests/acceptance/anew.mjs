// Has modules of Heroku's own be evaluated anew for each command of the CLI, for some keep in mind what they were told.
// Those of others stay. How many commands there were is in memory that the hooks' thread shares.
let count

export function initialize(data) {
  count = data.count
}

export async function resolve(specifier, context, resolveNext) {
  const found = await resolveNext(specifier, context)
  if (!/\/node_modules\/(heroku|@heroku|@heroku-cli)\/(?!.*\/node_modules\/)/.test(found.url)) return found
  return { ...found, url: `${found.url.split('?')[0]}?${Atomics.load(count, 0)}` }
}
