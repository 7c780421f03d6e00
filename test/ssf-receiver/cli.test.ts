import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { httpServer } from '../support/servers.js'

/** Runs the command on a free port; resolves to its exit code and what it printed. */
async function run(...args: string[]) {
  const child = spawn(process.execPath, ['dist/test/ssf-receiver/cli.js', ...args, '--port', '0'])
  const [printed, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')])
  return { code, printed }
}

t.test('the command says which cases a receiver fails', async (t) => {
  const { origin } = await httpServer(t, (req, res) => {
    req.resume().on('end', () => res.writeHead(202).end())
  })
  const { code, printed } = await run('push', '--url', origin, '--authorization', 'Bearer x', '--audience', 'receiver')
  t.equal(code, 1)
  t.match(printed, /^ok {4}all sessions of a user, as Keycloak says it +202$/m)
  t.match(printed, /^FAIL {2}an HMAC with the public key +202$/m)
  t.match(printed, /aud receiver\n/)
})

t.test('a receiver that does not poll fails, and a wrong usage is 2', async (t) => {
  const { code, printed } = await run('poll', '--seconds', '0.1')
  t.equal(code, 1)
  t.match(printed, /FAIL {2}polls +not within 0.1 s/)
  t.equal((await run('listen')).code, 2)
})
