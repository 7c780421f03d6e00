// What is wrong with keys and certificates is the operator's to put right: exit status 2, the file, and what to do.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ensureSelfSigned } from '../../src/certificates/index.js'
import { missing, opensslKey, opensslStore, PASSWORD } from '../certificates/stores.js'
import { mgw } from '../support/mgw.js'
import { httpServer } from '../support/servers.js'

const LISTENERS = `[listenerConfig]
  host = "127.0.0.1"
  httpPort = 0
  httpsPort = 0`
const ADMIN = '[admin]\n  port = 0\n'

/** Starts a gateway that ends at once: with what status, saying what. */
async function start(t: Test, directory: string, text: string) {
  const file = join(directory, 'micro-gw.conf')
  writeFileSync(file, `apiDefinitions = "."\n${text}`)
  const run = mgw(t, ['start', '-c', file])
  const status = await run.ended()
  return { status, said: run.output() }
}

const issuer = (lines: string) => `[[jwtTokenConfig]]\n  issuer = "https://issuer.example"\n${lines}\n`

t.test('an unusable certificate file: status 2, with the key, the file and a remedy', async (t) => {
  const directory = t.testdir({ 'bad.pem': 'nothing that is a certificate' })
  const { certFile, keyFile } = await ensureSelfSigned(directory, ['localhost'])
  const bad = join(directory, 'bad.pem')
  const cases: [key: string, config: string, file: string, remedy: RegExp][] = [
    ['jwtTokenConfig.certFile', `${ADMIN}${LISTENERS}\n${issuer(`certFile = "${bad}"`)}`, bad, /recreate it/],
    ['listenerConfig.trustStorePath', `${ADMIN}${LISTENERS}\ntrustStorePath = "${bad}"`, bad, /recreate it/],
    [
      'listenerConfig.keyStorePath',
      `${ADMIN}${LISTENERS}\nkeyStorePath = "${certFile}"`,
      certFile,
      /with a private key/,
    ],
    [
      'listenerConfig.trustStorePath',
      `${ADMIN}${LISTENERS}\ntrustStorePath = "${keyFile}"`,
      keyFile,
      /with the certificate/,
    ],
  ]
  for (const [key, config, file, remedy] of cases) {
    const { status, said } = await start(t, directory, config)
    t.equal(status, 2, key)
    t.ok(said.includes(`mgw: ${key}: ${file}: `), said)
    t.match(said, remedy)
    const check = mgw(t, ['check', '-c', join(directory, 'micro-gw.conf')])
    t.equal(await check.ended(), 2, `mgw check: ${key}`)
    t.ok(check.output().includes(`mgw: ${key}: ${file}: `))
  }
  const clustered = await start(t, directory, `[server]\nworkers = 2\n${ADMIN}${LISTENERS}\ntrustStorePath = "${bad}"`)
  t.equal(clustered.status, 2, 'with several workers')
  t.match(clustered.said, 'mgw: ')
  t.ok(clustered.said.includes(`${bad}: `))
})

t.test('an alias', async (t) => {
  const directory = t.testdir({})
  const byAlias = issuer('certificateAlias = "wso2apim"')
  const none = await start(t, directory, `${ADMIN}${LISTENERS}\n${byAlias}`)
  t.equal(none.status, 2)
  t.match(none.said, /jwtTokenConfig\[0\]\.certificateAlias: .* is not set; set listenerConfig\.trustStorePath/)

  t.test('that the trust store does not have', { skip: missing('openssl') }, async (t) => {
    const { cert, key } = await opensslKey(directory, 'sts', ['rsa:2048'])
    const store = join(directory, 'trust.p12')
    await opensslStore(store, cert, '-inkey', key, '-name', 'gateway-sts')
    const trust = `${LISTENERS}\ntrustStorePath = "${store}"\ntrustStorePassword = `
    const other = await start(t, directory, `${ADMIN}${trust}"${PASSWORD}"\n${byAlias}`)
    t.equal(other.status, 2)
    t.ok(other.said.includes(`mgw: ${store}: no entry has the alias "wso2apim": there are "gateway-sts"`), other.said)
    t.match(other.said, /correct the alias/)
    const locked = await start(t, directory, `${ADMIN}${trust}"not-the-password"\n${byAlias}`)
    t.equal(locked.status, 2)
    t.ok(locked.said.includes(`mgw: listenerConfig.trustStorePath: ${store}: the password is wrong`), locked.said)
    t.match(locked.said, /correct the password/)
    t.notMatch(locked.said, 'not-the-password')
  })
})

t.test('a port that is in use is named by its key, with what to do', async (t) => {
  const directory = t.testdir({})
  const { origin } = await httpServer(t, (_, res) => res.end())
  const { port } = new URL(origin)
  const taken = LISTENERS.replace('httpPort = 0', `httpPort = ${port}`)
  for (const [config, key] of [
    [`[server]\nworkers = 1\n${ADMIN}${taken}`, 'listenerConfig.httpPort'],
    [`[server]\nworkers = 2\n${ADMIN}${taken}`, 'listenerConfig.httpPort'],
    [`${LISTENERS}\n${ADMIN.replace('port = 0', `port = ${port}`)}`, 'admin.port'],
  ] as const) {
    const { status, said } = await start(t, directory, config)
    t.equal(status, 1)
    t.match(
      said,
      `mgw: ${key}: port ${port} of 127.0.0.1 is in use; stop the program that uses it, or choose another port`,
    )
  }
  const nowhere = await start(t, directory, `${ADMIN}${LISTENERS.replace('127.0.0.1', '192.0.2.1')}`)
  t.match(nowhere.said, /mgw: listenerConfig\.host: 192\.0\.2\.1 is not an address of this machine/)
})

t.test('a state directory that is a file', async (t) => {
  const { status, said } = await start(
    t,
    t.testdir({ state: '' }),
    `[server]\nstateDirectory = "state"\n${ADMIN}${LISTENERS}`,
  )
  t.equal(status, 2)
  t.match(said, /mgw: server\.stateDirectory: cannot write to .*state: it is not a directory.*; name a directory/)
})

t.test(
  'SIGTERM while the gateway starts stops it; SIGINT and SIGTERM in a row stop it once, with status 0',
  async (t) => {
    const directory = t.testdir({})
    const file = join(directory, 'micro-gw.conf')
    writeFileSync(file, `apiDefinitions = "."\n[server]\nworkers = 1\n${ADMIN}${LISTENERS}`)
    const early = mgw(t, ['start', '-c', file])
    await early.printed(/no API configured/)
    t.equal(await early.end(), 0)
    t.match(early.output(), /gateway stopped/)
    const twice = mgw(t, ['start', '-c', file])
    await twice.printed(/gateway started/)
    twice.child.kill('SIGINT')
    t.equal(await twice.end('SIGTERM'), 0)
    t.match(twice.output(), /gateway stopped/)
  },
)

t.test(
  'operations that cannot be protected are warned of in one line a cause and logged when asked for; strictSecurity refuses',
  async (t) => {
    const operation = '{ security: [{ key: [] }], responses: {} }'
    const directory = t.testdir({
      'a.yaml': `openapi: 3.0.3
info: { title: A, version: '1' }
x-wso2-basePath: /a
x-wso2-production-endpoints: { urls: ['http://127.0.0.1:9'] }
components: { securitySchemes: { key: { type: apiKey, in: header, name: X-Key } } }
paths:
  /b: { get: ${operation}, post: ${operation} }
  /c: { get: { responses: {} } }
`,
    })
    const file = join(directory, 'micro-gw.conf')
    const configuration = `apiDefinitions = "."\n[server]\nworkers = 1\n${ADMIN}${LISTENERS}`
    writeFileSync(file, configuration)
    const check = mgw(t, ['check', '-c', file])
    t.equal(await check.ended(), 0)
    t.match(check.output(), /A, 3 operations, 3 secured, 2 not served/)
    const gateway = mgw(t, ['start', '-c', file])
    const [, port = ''] = await gateway.printed(/gateway started.*?http\D*(\d+)/)
    for (const { output } of [check, gateway]) {
      const lines = output()
        .split('\n')
        .filter((line) => line.includes('not served'))
      t.match(lines.at(-1), /a\.yaml:7: .*key \(apiKey\): 2 operations are not served \(403\): GET \/a\/b, POST \/a\/b/)
    }
    t.equal((await fetch(`http://127.0.0.1:${port}/a/b`)).status, 403)
    await gateway.printed(/operation not served.*GET \/a\/b.*key \(apiKey\)/)
    await gateway.end()
    writeFileSync(file, `${configuration}\n[authConfig]\nstrictSecurity = true\n`)
    const strict = mgw(t, ['check', '-c', file])
    t.equal(await strict.ended(), 2)
    t.match(strict.output(), /key \(apiKey\): 2 operations are not protected: GET \/a\/b, POST \/a\/b/)
  },
)

t.test('check and start warn of missing issuers and revocation sources, and of less protected paths', async (t) => {
  const directory = t.testdir({
    'a.yaml':
      'openapi: 3.0.3\ninfo: { title: A, version: "1" }\nx-wso2-basePath: /a\nx-wso2-production-endpoints: { urls: ["http://127.0.0.1:9"] }\npaths: { /b: { get: { responses: {} } }, "/{x}": { get: { x-wso2-disable-security: true, responses: {} } } }\n',
  })
  const file = join(directory, 'micro-gw.conf')
  writeFileSync(file, `apiDefinitions = "."\n[server]\nworkers = 1\n${ADMIN}${LISTENERS}`)
  const check = mgw(t, ['check', '-c', file])
  t.equal(await check.ended(), 0)
  const gateway = mgw(t, ['start', '-c', file])
  await gateway.printed(/gateway started/)
  await gateway.end()
  for (const { output } of [check, gateway]) {
    t.match(output(), /no token can be valid for the protected APIs/)
    t.match(output(), /no revocation source configured/)
    t.match(output(), /\/a\/\{x\} requires less than \/a\/b/)
  }
})
