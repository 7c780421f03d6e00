import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { connect } from 'node:tls'
import { generate } from 'selfsigned'
import t from 'tap'
import { startGateway, world } from './support/gateway.js'
import { createIssuer } from './support/issuer.js'
import { mixedLoad, NOTHING_LOST } from './support/load.js'

const RELOADED = /configuration reloaded/

/** A path that the definition does not have at the start. */
const ADDED = '  /added: { get: { responses: { default: { description: any } } } }\n'

function definitionOf(configFile: string): string {
  return join(dirname(configFile), 'api_definitions', 'things.yaml')
}

function append(file: string, text: string): void {
  writeFileSync(file, readFileSync(file, 'utf8') + text)
}

for (const workers of [1, 2]) {
  t.test(
    `SIGHUP, ${workers} worker(s): under load no request fails, what is revoked is refused and the list stays known; what was open ends by revocations as before`,
    async (t) => {
      const w = await world(t)
      const configFile = w.configFile('', {}, 'gateway', workers)
      const gateway = await startGateway(t, configFile)
      await gateway.known()
      const [token, slow, later, revoked] = [await w.token(), await w.token(), await w.token(), await w.token()]
      t.equal(await statusOf(gateway.http, '/things/v1/added', token), 403)
      // Begun before, ended after.
      const open = statusOf(gateway.http, '/things/v1/thing/slow', token)
      const cut = statusOf(gateway.http, '/things/v1/thing/slow', slow)
      await w.holding(2)

      await w.revoke(revoked)
      while ((await gateway.status(revoked)) !== 401);
      const running = mixedLoad(gateway, token, revoked)
      for (let i = 0; i < 3; i++) {
        await running.more(10)
        append(definitionOf(configFile), i === 0 ? ADDED : `# ${i}\n`)
        gateway.process.child.kill('SIGHUP')
        await gateway.process.wrote((text) => (text.match(new RegExp(RELOADED, 'g'))?.length ?? 0) > i)
        await running.more(10)
      }
      t.strictSame(await running.stop(), NOTHING_LOST)
      t.equal(await statusOf(gateway.http, '/things/v1/added', token), 200)

      await w.revoke(slow)
      t.equal(await cut, 401, 'a request that began before the reload is ended by a revocation')
      const begunAfter = statusOf(gateway.http, '/things/v1/thing/slow', later)
      await w.holding(3)
      await w.revoke(later)
      t.equal(await begunAfter, 401, 'and so is one that began after it')
      for (const answer of w.held) answer()
      t.equal(await open, 200)
      t.equal(await gateway.status(slow), 401)
    },
  )
}

t.test('SIGHUP with a file that is wrong changes nothing and says why', async (t) => {
  const w = await world(t)
  for (const workers of [1, 2]) {
    const configFile = w.configFile('', {}, `wrong-${workers}`, workers)
    const gateway = await startGateway(t, configFile)
    await gateway.known()
    const token = await w.token()
    const wrongs: [text: string, says: RegExp][] = [
      ['[authConfig]\nauthorisationHeader = "x"\n', /reload failed: .*authConfig\.authorisationHeader/],
      ['[[jwtTokenConfig]]\nissuer = "https://other"\ncertFile = "things.pem"\n', /reload failed: .*things\.pem/],
    ]
    const right = readFileSync(configFile, 'utf8')
    for (const [text, says] of wrongs) {
      writeFileSync(configFile, right + text)
      gateway.process.child.kill('SIGHUP')
      await gateway.process.printed(says)
      t.equal(await gateway.status(token), 200)
    }
    t.notMatch(gateway.process.output(), RELOADED)
  }
})

t.test('SIGHUP: an issuer that is no longer configured, and changes that need a restart', async (t) => {
  const w = await world(t)
  const configFile = w.configFile()
  const gateway = await startGateway(t, configFile)
  await gateway.known()
  const token = await w.token()
  t.equal(await gateway.status(token), 200)
  const text = readFileSync(configFile, 'utf8')
  const changed = text
    .replace(/\[\[jwtTokenConfig\]\]\n +issuer = "[^"]+"/, '[[jwtTokenConfig]]\n  issuer = "https://other.example"')
    .replace('level = "debug"', 'level = "info"')
    .replace('jmsConnectionPassword = "admin"', 'jmsConnectionPassword = "other"')
  writeFileSync(configFile, changed)
  gateway.process.child.kill('SIGHUP')
  await gateway.process.printed(/changes that take effect at the next start.*keys=.*logging, tokenRevocationConfig/)
  await gateway.process.printed(RELOADED)
  t.equal(await gateway.status(token), 401)
})

t.test('a rule of now revokes the tokens of an issuer that a reload has added, whose clock is ahead', async (t) => {
  const w = await world(t)
  const configFile = w.configFile('', { admin: '  token = "operator"' })
  const gateway = await startGateway(t, configFile)
  await gateway.known()
  const added = await createIssuer('https://added.example')
  writeFileSync(join(dirname(configFile), 'added.pem'), added.publicPem)
  append(configFile, '\n[[jwtTokenConfig]]\n  issuer = "https://added.example"\n  certFile = "added.pem"\n')
  gateway.process.child.kill('SIGHUP')
  await gateway.process.printed(RELOADED)
  const now = Math.floor(Date.now() / 1_000)
  const claims = { iss: added.name, sub: 'mallory', jti: 'a', iat: now + 4, exp: now + 600 }
  const token = added.signRaw(JSON.stringify({ alg: 'RS256', kid: 'RS256' }), JSON.stringify(claims))
  t.equal(await gateway.status(token), 200)
  const answer = await fetch(`${gateway.admin}/revocations`, {
    method: 'POST',
    headers: { authorization: 'Bearer operator', 'content-type': 'application/json' },
    body: JSON.stringify({ subject: 'mallory' }),
  })
  t.equal(answer.status, 204, await answer.text())
  t.equal(await gateway.status(token), 401)
})

t.test(
  'a worker that is replaced has [server] as its primary has it, though the file says something else by now',
  async (t) => {
    const w = await world(t)
    const configFile = w.configFile('', {}, 'gateway', 2)
    const text = readFileSync(configFile, 'utf8')
    writeFileSync(configFile, text.replace('[server]', '[server]\n  header = "first"'))
    const gateway = await startGateway(t, configFile)
    const listening = () =>
      [...gateway.process.output().matchAll(/worker listening worker=(\d+)/g)].map(([, pid]) => pid)
    await gateway.process.wrote(() => listening().length === 2)
    writeFileSync(configFile, text.replace('[server]', '[server]\n  header = "second"'))
    // One after the other: the port is free once no worker has it.
    for (const [at, pid] of listening().entries()) {
      process.kill(Number(pid), 'SIGKILL')
      await gateway.process.wrote(() => listening().length === 3 + at)
    }
    const answer = await fetch(`${gateway.http}/health`)
    t.equal(answer.headers.get('server'), 'first')
  },
)

t.test('certificates whose files change are served: after SIGHUP at once, and without it', async (t) => {
  const w = await world(t)
  const directory = dirname(w.configFile())
  const write = async (name: string) => {
    const { cert, private: key } = await generate([{ name: 'commonName', value: name }], { keyType: 'ec' })
    writeFileSync(join(directory, 'tls.crt'), cert)
    writeFileSync(join(directory, 'tls.key'), key)
  }
  await write('first.example')
  const configFile = w.configFile()
  const text = readFileSync(configFile, 'utf8')
  writeFileSync(
    configFile,
    text.replace('[listenerConfig]', '[listenerConfig]\ncertFile = "tls.crt"\nkeyFile = "tls.key"'),
  )
  const gateway = await startGateway(t, configFile)
  t.equal(await nameServed(gateway.https), 'first.example')
  await write('second.example')
  gateway.process.child.kill('SIGHUP')
  await gateway.process.printed(RELOADED)
  t.equal(await nameServed(gateway.https), 'second.example')
  await write('third.example')
  await gateway.process.printed(/certificate of the listeners reloaded/)
  t.equal(await nameServed(gateway.https), 'third.example')
})

/** The name in the certificate that a new connection is served with. */
async function nameServed(https: string): Promise<unknown> {
  const { hostname, port } = new URL(https)
  const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const { subject } = socket.getPeerCertificate()
  socket.destroy()
  return subject.CN
}

async function statusOf(http: string, path: string, token: string): Promise<number> {
  const answer = await fetch(http + path, { headers: { authorization: `Bearer ${token}` } })
  await answer.arrayBuffer()
  return answer.status
}
