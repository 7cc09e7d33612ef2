// Goes before a program of Node's: it finds no host but this machine, and each that it looks for is written down.
// HOSTS_FILE=FILE node --require watch_hosts.cjs PROGRAM
const dns = require('dns')
const fs = require('fs')

const lookUp = dns.lookup
const isHere = name => name === '127.0.0.1' || name === 'localhost'

function refuse(name) {
  fs.appendFileSync(process.env.HOSTS_FILE, `${name}\n`)
  return Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), { code: 'ENOTFOUND', hostname: name })
}

dns.lookup = (name, ...rest) =>
  isHere(name) ? lookUp(name, ...rest) : process.nextTick(rest[rest.length - 1], refuse(name))
dns.promises.lookup = async name => {
  throw refuse(name)
}
