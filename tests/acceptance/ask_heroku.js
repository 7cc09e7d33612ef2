// Sends one request through npm's heroku-client and prints what it made of the answer:
// node ask_heroku.js URL TOKEN METHOD PATH [BODY]
const Heroku = require('heroku-client')

const [host, token, method, path, body] = process.argv.slice(2)
const options = body ? { body: JSON.parse(body) } : {}

new Heroku({ host, token })[method](path, options)
  .then(answer => ({ answer }), error => ({ status: error.statusCode, error: error.body }))
  .then(outcome => console.log(JSON.stringify(outcome)))
