// What is wrong with keys and certificates is the operator's to put right: exit status 2, the file, and what to do.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ensureSelfSigned } from '../../src/certificates/index.js'
import { missing, opensslKey, opensslStore, PASSWORD } from '../certificates/stores.js'
import { mgw } from '../support/mgw.js'

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

t.test('files that are not what they should be', async (t) => {
  const directory = t.testdir({ 'bad.pem': 'nothing that is a certificate' })
  const { certFile, keyFile } = await ensureSelfSigned(directory, ['localhost'])
  const bad = join(directory, 'bad.pem')
  const cases: [title: string, config: string, file: string, remedy: RegExp][] = [
    ['an issuer’s certificate', `${ADMIN}${LISTENERS}\n${issuer(`certFile = "${bad}"`)}`, bad, /make it anew/],
    ['the trust store', `${ADMIN}${LISTENERS}\ntrustStorePath = "${bad}"`, bad, /make it anew/],
    ['the key store', `${ADMIN}${LISTENERS}\nkeyStorePath = "${certFile}"`, certFile, /has the private key/],
    ['a key for a certificate', `${ADMIN}${LISTENERS}\ntrustStorePath = "${keyFile}"`, keyFile, /has the certificate/],
  ]
  for (const [title, config, file, remedy] of cases) {
    const { status, said } = await start(t, directory, config)
    t.equal(status, 2, title)
    t.ok(said.includes(`mgw: ${file}: `), said)
    t.match(said, remedy)
  }
  const clustered = await start(t, directory, `[server]\nworkers = 2\n${ADMIN}${LISTENERS}\ntrustStorePath = "${bad}"`)
  t.equal(clustered.status, 2, 'found by a worker')
  t.match(clustered.said, 'mgw: ')
  t.ok(clustered.said.includes(`${bad}: `))
})

t.test('an alias', async (t) => {
  const directory = t.testdir({})
  const byAlias = issuer('certificateAlias = "wso2apim"')
  const none = await start(t, directory, `${ADMIN}${LISTENERS}\n${byAlias}`)
  t.equal(none.status, 2)
  t.match(none.said, /jwtTokenConfig\[0\]\.certificateAlias: .* there is none; set listenerConfig\.trustStorePath/)

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
    t.ok(locked.said.includes(`mgw: ${store}: the password is wrong`), locked.said)
    t.match(locked.said, /correct the password/)
    t.notMatch(locked.said, 'not-the-password')
  })
})
