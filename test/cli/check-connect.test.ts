import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { generate } from 'selfsigned'
import t, { type Test } from 'tap'
import { startAmqp10Broker } from '../services/amqp10-broker.js'
import { etcdMissing, startEtcd } from '../services/etcd.js'
import { Transmitter } from '../ssf-receiver/transmitter.js'
import { createIssuer } from '../support/issuer.js'
import { mgw } from '../support/mgw.js'

/** What `mgw check --connect --json` says of a file, and its exit status. */
async function connect(t: Test, text: string) {
  const file = join(t.testdir({}), 'micro-gw.conf')
  writeFileSync(file, `apiDefinitions = "."\n${text}`)
  const run = mgw(t, ['check', '-c', file, '--connect', '--json'])
  const status = await run.ended()
  return { status, said: run.output(), ...JSON.parse(run.output().split('\n')[0] ?? '') }
}

const store = (url: string) => `[tokenRevocationConfig.persistent]
enablePersistentStorageRetrieval = true
type = "etcd"
endpointURL = "${url}"
`
const topic = (url: string, password: string) => `[tokenRevocationConfig.realtime]
enableRealtimeMessageRetrieval = true
jmsConnectionTopic = "tokenRevocation"
jmsConnectionProviderUrl = "${url}"
jmsConnectionUsername = "admin"
jmsConnectionPassword = "${password}"
`

/** Serves an issuer's key set, and calls every token inactive. */
async function startIssuer(t: Test): Promise<string> {
  const { jwks } = await createIssuer('https://issuer.example')
  const server = createServer((req, res) => {
    if (req.url === '/keys') res.end(jwks)
    else if (req.url === '/oauth2/introspect') res.end('{"active":false}')
    else res.writeHead(404).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

t.test(
  'says how many entries etcd holds under which API, and that issuer, key manager and topic answer',
  {
    skip: etcdMissing(),
  },
  async (t) => {
    const [etcd, broker, issuer] = [
      await startEtcd(t),
      await startAmqp10Broker(t, { users: { admin: 'secret-pw' } }),
      await startIssuer(t),
    ]
    await etcd.ctl(2, 'set', '/jti/a-token', '1')
    const jwt = `[[jwtTokenConfig]]\nissuer = "https://issuer.example"\njwksURL = "${issuer}/keys"\n`
    const { status, connections } = await connect(
      t,
      `${jwt}[keyManager]\nserverUrl = "${issuer}"\ntokenContext = "oauth2"\n${topic(`amqp10://127.0.0.1:${broker.port}`, 'secret-pw')}${store(etcd.url)}`,
    )
    t.match(connections, [
      { name: 'topic tokenRevocation', succeeded: true, detail: 'subscribed over amqp-1-0' },
      { name: 'store etcd', succeeded: true, detail: '0 entries under v3 jti/, 1 under v2' },
      { name: 'issuer https://issuer.example', succeeded: true, detail: /^\d keys at http/ },
      { name: `key manager ${issuer}/`, succeeded: true, detail: 'answers introspection' },
    ])
    t.equal(status, 0)
  },
)

t.test(
  'a broker that rejects the password, a store that is away and an issuer without keys: status 1, each with its cause',
  async (t) => {
    const broker = await startAmqp10Broker(t, { users: { admin: 'secret-pw' } })
    const issuer = await startIssuer(t)
    const jwt = `[[jwtTokenConfig]]\nissuer = "https://issuer.example"\njwksURL = "${issuer}/elsewhere"\n`
    const { status, said, connections } = await connect(
      t,
      `${jwt}${topic(`amqp10://127.0.0.1:${broker.port}`, 'wrong-pw')}${store('http://127.0.0.1:1/v3/keys/jti/')}`,
    )
    t.equal(status, 1)
    t.match(connections, [
      { name: 'topic tokenRevocation', succeeded: false, detail: /jmsConnectionUsername and jmsConnectionPassword/ },
      { name: 'store etcd', succeeded: false, detail: /127\.0\.0\.1:1/ },
      { name: 'issuer https://issuer.example', succeeded: false, detail: /elsewhere answered 404/ },
    ])
    t.notMatch(said, /wrong-pw/)
  },
)

t.test('an issuer whose certificate has an unknown authority: the key that names it', async (t) => {
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'localhost' }], { algorithm: 'sha256' })
  const server = createTlsServer({ cert, key }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => void server.close())
  const url = `https://localhost:${(server.address() as AddressInfo).port}/keys`
  const { status, connections } = await connect(t, `[[jwtTokenConfig]]\nissuer = "https://x"\njwksURL = "${url}"\n`)
  t.equal(status, 1)
  t.match(connections, [{ succeeded: false, detail: /PEM file of its authority in listenerConfig\.trustStorePath/ }])
})

t.test('a file that is wrong: status 2, and its problems as JSON', async (t) => {
  const { status, problems } = await connect(t, '[listenerConfig]\nhttpPort = 70000\n')
  t.equal(status, 2)
  t.match(problems, [{ path: 'listenerConfig.httpPort', message: /0 to 65535/ }])
})

t.test('says whether the transmitter of security events can be used, and creates no stream there', async (t) => {
  const transmitter = await Transmitter.start()
  t.teardown(() => transmitter.close())
  const { issuer } = transmitter
  const text = (secret: string) => `[[jwtTokenConfig]]
issuer = "${issuer}"
jwksURL = "${issuer}/keys"
[[identityProvider]]
name = "idp"
issuer = "${issuer}"
[identityProvider.ssf]
tokenUrl = "${issuer}/token"
clientId = "gateway"
clientSecret = "${secret}"
`
  const good = await connect(t, text('secret'))
  const name = 'transmitter of idp'
  t.match(good.connections[1], { name, succeeded: true, detail: `0 streams of this client at ${issuer}` })
  t.equal(transmitter.counts.created, 0)
  const { connections, status, said } = await connect(t, text('wrong-secret'))
  t.match(connections[1], { name, succeeded: false, detail: /no access token for the transmitter.*returned 401/ })
  t.not(status, 0)
  t.notMatch(said, /wrong-secret/)
})
