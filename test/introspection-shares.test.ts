// A client with many random opaque tokens, over real sockets, against a whole gateway.
import { connect } from 'node:net'
import t from 'tap'
import { keyManager } from './auth/key-manager.js'
import { gatewayInProcess } from './support/gateway-in-process.js'
import { httpServer } from './support/servers.js'

const DEFINITION = (upstream: string) => `openapi: 3.0.3
info: { title: Things, version: '1.0' }
x-wso2-basePath: /things
x-wso2-production-endpoints: { urls: ['${upstream}'] }
paths:
  /{name}: { get: { responses: {} } }
`
/** The introspections that one client may have under way. */
const SHARE = 48

for (const [how, listener, ofFlood, ofGood] of [
  ['by their addresses', '', '', {}],
  [
    'by the addresses that a trusted proxy names',
    'trustedProxies = ["127.0.0.0/8"]',
    'X-Forwarded-For: 192.0.2.1\r\n',
    { 'x-forwarded-for': '192.0.2.2' },
  ],
] as const) {
  t.test(`a client with a flood of unknown tokens does not keep others from being introspected: ${how}`, async (t) => {
    const { origin: upstream } = await httpServer(t, (_, res) => res.end('{}'))
    const { origin, askedTimes } = await keyManager(t, ({ form }) =>
      form.token === 'good' ? { body: { active: true, token_type: 'Bearer' } } : new Promise(() => undefined),
    )
    const keyManagerAt = `[keyManager]\n  serverUrl = "${origin}"\n`
    const { httpPort } = await gatewayInProcess(t, DEFINITION(upstream), keyManagerAt, listener)
    const localAddress = listener === '' ? '127.0.0.2' : '127.0.0.1'
    for (let i = 0; i < 100; i++) {
      const flood = connect({ port: httpPort, host: '127.0.0.1', localAddress }).resume()
      flood.on('error', () => undefined)
      t.teardown(() => flood.destroy())
      for (let j = 0; j < 10; j++) {
        flood.write(`GET /things/a HTTP/1.1\r\nHost: a\r\n${ofFlood}Authorization: Bearer random-${i}-${j}\r\n\r\n`)
      }
    }
    await askedTimes(SHARE)
    const headers = { authorization: 'Bearer good', ...ofGood }
    const good = await fetch(`http://127.0.0.1:${httpPort}/things/a`, { headers })
    t.equal(good.status, 200)
  })
}
