// Which headers an upstream may believe: what the gateway did not judge does not reach it.
import t, { type Test } from 'tap'
import { accessToken, gatewayInProcess } from '../../support/gateway-in-process.js'
import { ask, http2Client } from '../../support/http2-client.js'
import { httpServer } from '../../support/servers.js'

const DEFINITION = (upstream: string, header: string) => `openapi: 3.0.3
info: { title: Things, version: '1.0' }
x-wso2-basePath: /things
x-wso2-auth-header: ${header}
x-wso2-production-endpoints: { urls: ['${upstream}'] }
paths:
  /one: { get: { responses: {} } }
  /open: { get: { x-wso2-disable-security: true, responses: {} } }
`

/** A gateway whose upstream answers with the names of the headers that it got. */
async function things(t: Test, header: string) {
  const { origin } = await httpServer(t, (req, res) => res.end(Object.keys(req.headers).join()))
  const { http } = await gatewayInProcess(
    t,
    DEFINITION(origin, header),
    '[authConfig]\nauthorizationHeader = "X-Gateway-Token"\n',
  )
  return async (path: string, headers: Record<string, string>) => {
    const answer = await fetch(http + path, { headers })
    return { status: answer.status, names: (await answer.text()).split(',') }
  }
}

t.test('the token’s header is removed, and so is the unused one of other APIs', async (t) => {
  const get = await things(t, 'X-Token')
  const token = `Bearer ${await accessToken()}`
  const { status, names } = await get('/things/one', {
    'x-token': token,
    'x-gateway-token': token,
    x_gateway_token: token,
    authorization: 'Basic YTpi',
    other: 'a',
  })
  t.equal(status, 200)
  t.notOk(names.includes('x-token') || names.includes('x-gateway-token') || names.includes('x_gateway_token'))
  t.ok(names.includes('authorization') && names.includes('other'), 'the upstream’s own credentials pass')
  t.notOk((await get('/things/open', { 'x-gateway-token': token })).names.includes('x-gateway-token'))
})

t.test('headers that only the gateway may set are removed, however spelt', async (t) => {
  const get = await things(t, 'Authorization')
  const forged = ['X-JWT-Assertion', 'x_jwt_assertion', 'X-WSO2-CLIENT-CERTIFICATE', 'x_wso2_client_certificate']
  const headers = Object.fromEntries(forged.map((name) => [name, 'forged']))
  for (const [path, more] of [
    ['/things/one', { authorization: `Bearer ${await accessToken()}` }],
    ['/things/open', {}],
  ] as const) {
    const { status, names } = await get(path, { ...headers, ...more })
    t.equal(status, 200)
    t.same(
      names.filter((name) => /jwt|certificate/.test(name)),
      [],
    )
  }
})

const FORGED = {
  'x-forwarded-for': '192.0.2.1',
  'x-real-ip': '192.0.2.1',
  x_forwarded_for: '192.0.2.1',
  forwarded: 'for=a',
}
const OPEN = (upstream: string) => DEFINITION(upstream, 'Authorization')

/** The headers that an upstream gets of a request with forged ones. */
async function forwarded(t: Test, listenerConfig: string): Promise<Record<string, string>> {
  const { origin } = await httpServer(t, (req, res) => res.end(JSON.stringify(req.headers)))
  const { http } = await gatewayInProcess(t, OPEN(origin), '', listenerConfig)
  return (await (await fetch(`${http}/things/open`, { headers: FORGED })).json()) as Record<string, string>
}

t.test('upstreams are told of the client, who cannot say that it is another one', async (t) => {
  const { 'x-forwarded-host': host = '', ...headers } = await forwarded(t, '')
  t.match(headers, { 'x-forwarded-for': '127.0.0.1', 'x-forwarded-proto': 'http', via: '1.1 mgw' })
  t.match(host, /^127\.0\.0\.1:\d+$/)
  t.strictSame(
    ['forwarded', 'x-real-ip', 'x_forwarded_for'].filter((name) => name in headers),
    [],
  )
})

t.test('what a trusted proxy says of its client is passed on', async (t) => {
  const headers = await forwarded(
    t,
    '  trustedProxies = ["127.0.0.0/8"]\n  forwardedHeaders = ["x-forwarded-for", "Forwarded"]',
  )
  t.match(headers, { 'x-forwarded-for': '192.0.2.1, 127.0.0.1', 'x-real-ip': '192.0.2.1' })
  t.match(headers.forwarded, /^for=a, for=127\.0\.0\.1;proto=http;host="127\.0\.0\.1:\d+"$/)
  t.strictSame(
    ['x_forwarded_for', 'via', 'x-forwarded-proto'].filter((name) => name in headers),
    [],
  )
})

t.test('over HTTP/2 upstreams are told the same', async (t) => {
  const { origin } = await httpServer(t, (req, res) => res.end(JSON.stringify(req.headers)))
  const { httpsPort } = await gatewayInProcess(t, OPEN(origin))
  const { body } = await ask(http2Client(t, httpsPort), { ':path': '/things/open', ...FORGED })
  const { 'x-forwarded-host': host = '', ...headers } = JSON.parse(body) as Record<string, string>
  t.match(headers, { 'x-forwarded-for': '127.0.0.1', 'x-forwarded-proto': 'https', via: '2 mgw' })
  t.equal(host, `127.0.0.1:${httpsPort}`)
  t.notOk('forwarded' in headers || 'x-real-ip' in headers)
})
