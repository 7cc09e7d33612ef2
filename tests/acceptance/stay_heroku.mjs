// Runs the official CLI's own program again and again, in one process: node stay_heroku.mjs PROGRAM
//
// Each line that it reads is a command, {args, env, cwd}; each that it writes is how one ended, {status, stdout, stderr}.
// A command ends when it exits or when nothing is left to be waited for, as a process of its own would.
import { EventEmitter } from 'node:events'
import fs from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import { register } from 'node:module'
import { pathToFileURL } from 'node:url'

const program = process.argv[2]
// What Node ends with when a program waits for what cannot come, such as an answer where there is no terminal.
const UNSETTLED = 13
const answer = process.stdout.write.bind(process.stdout)
const count = new Int32Array(new SharedArrayBuffer(4))
let isLoaded
let said
let stdin

class Exited extends Error {}

for (const name of ['stdout', 'stderr']) {
  process[name].write = (chunk, encoding, written) => {
    const [kind, done] = typeof encoding === 'function' ? ['utf8', encoding] : [encoding, written]
    if (said) said[name] += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString(kind)
    if (done) process.nextTick(done)
    return true
  }
}
Object.defineProperty(process, 'stdin', {
  get: () => (stdin ??= new fs.ReadStream(null, { fd: fs.openSync('/dev/null') })),
})
process.exit = status => {
  end(status ?? process.exitCode ?? 0)
  throw new Exited()
}
process.on('beforeExit', () => end(isLoaded ? (process.exitCode ?? 0) : UNSETTLED))
process.on('uncaughtException', fail)
process.on('unhandledRejection', fail)
register('./anew.mjs', import.meta.url, { data: { count } })
// Some listen anew with each command: to the process, and to what it writes to.
EventEmitter.defaultMaxListeners = 0
next()

function next() {
  const line = readLine()
  // Whoever asked is gone.
  if (!line) process.reallyExit(0)
  const { args, env, cwd } = JSON.parse(line)
  for (const name of Object.keys(process.env)) delete process.env[name]
  Object.assign(process.env, env)
  process.chdir(cwd)
  process.argv = [process.argv[0], program, ...args]
  process.exitCode = undefined
  isLoaded = false
  stdin = undefined
  said = { stdout: '', stderr: '' }
  Atomics.add(count, 0, 1)
  import(pathToFileURL(fs.realpathSync(program))).then(() => (isLoaded = true)).catch(fail)
}

function readLine() {
  const chunks = []
  const chunk = Buffer.alloc(65536)
  for (;;) {
    const length = fs.readSync(0, chunk)
    chunks.push(Buffer.from(chunk.subarray(0, length)))
    if (length === 0 || chunk[length - 1] === 10) return Buffer.concat(chunks).toString().trim()
  }
}

function fail(error) {
  if (error instanceof Exited) return
  process.stderr.write(`${error?.stack ?? error}\n`)
  end(1)
}

function end(status) {
  if (!said) return
  const ended = JSON.stringify({ status, ...said })
  said = undefined
  http.globalAgent.destroy()
  https.globalAgent.destroy()
  answer(`${ended}\n`)
  setImmediate(next)
}
