import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import t from 'tap'
import { missing, opensslKey, opensslStore, PASSWORD } from '../certificates/stores.js'
import { accessToken, gatewayInProcess } from '../support/gateway-in-process.js'

t.test(
  'an upstream over TLS must be trusted and named, and sees the gateway’s certificate',
  { skip: missing('openssl') },
  async (t) => {
    const directory = t.testdir()
    const server = await opensslKey(directory, 'upstream') // for localhost
    const client = await opensslKey(directory, 'gateway')
    const store = join(directory, 'gateway.p12')
    await opensslStore(store, client.cert, '-inkey', client.key)
    const upstream = createServer(
      {
        cert: readFileSync(server.cert),
        key: readFileSync(server.key),
        ca: readFileSync(client.cert),
        requestCert: true,
        rejectUnauthorized: false,
      },
      (req, res) => res.end((req.socket as TLSSocket).getPeerCertificate().subject?.CN ?? 'nobody'),
    ).listen(0, '127.0.0.1')
    await once(upstream, 'listening')
    t.teardown(() => {
      upstream.closeAllConnections()
      upstream.close()
    })
    const { port } = upstream.address() as AddressInfo
    const token = await accessToken()
    const trust = `[httpClients.sslConfig]\n  trustStorePath = "${server.cert}"\n`
    const own = `  keyStorePath = "${store}"\n  keyStorePassword = "${PASSWORD}"\n`
    const cases: [what: string, host: string, conf: string, status: number, body: RegExp][] = [
      ['trusted and named', 'localhost', trust, 200, /^nobody$/],
      ['with a certificate of the gateway’s own', 'localhost', trust + own, 200, /^gateway$/],
      ['not trusted', 'localhost', '', 502, /101503/],
      ['trusted, with another name', '127.0.0.1', trust, 502, /101503/],
      [
        'another name, not looked at',
        '127.0.0.1',
        `[httpClients]\n  verifyHostname = false\n${trust}`,
        200,
        /^nobody$/,
      ],
      ['another name, not trusted either', '127.0.0.1', '[httpClients]\n  verifyHostname = false\n', 502, /101503/],
      ['nothing is looked at', '127.0.0.1', '[httpClients]\n  disableSslVerification = true\n', 200, /^nobody$/],
    ]
    for (const [what, host, conf, status, body] of cases) {
      await t.test(what, async (t) => {
        const definition = `openapi: 3.0.3
info: { title: Things, version: 1.0.0 }
x-wso2-basePath: /things
x-wso2-production-endpoints: { urls: ['https://${host}:${port}'] }
paths: { /thing: { get: { responses: { default: { description: any } } } } }
`
        const gateway = await gatewayInProcess(t, definition, conf)
        const answer = await fetch(`${gateway.http}/things/thing`, { headers: { authorization: `Bearer ${token}` } })
        t.equal(answer.status, status)
        t.match(await answer.text(), body)
      })
    }
  },
)
