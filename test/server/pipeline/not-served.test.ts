// What the gateway cannot check is not served: no request for it reaches an upstream, whatever it carries.
import t, { type Test } from 'tap'
import { accessToken, gatewayInProcess } from '../../support/gateway-in-process.js'
import { exchangeRaw, httpServer } from '../../support/servers.js'

const DEFINITION = (upstream: string) => `openapi: 3.0.3
info: { title: Shop, version: '1.0' }
x-wso2-basePath: /shop
x-wso2-production-endpoints: { urls: ['${upstream}'] }
x-wso2-sandbox-endpoints: { urls: ['${upstream}'] }
x-wso2-cors: { accessControlAllowOrigins: ['https://good.example'], accessControlAllowMethods: [GET] }
components:
  securitySchemes:
    oauth: { type: oauth2, flows: {} }
    key: { type: apiKey, in: header, name: X-Key }
    basic: { type: http, scheme: basic }
paths:
  /key:
    get: { security: [{ key: [] }], responses: {} }
    options: { security: [{ key: [] }], responses: {} }
    post: { security: [{ basic: [] }, { key: [] }], responses: {} }
  /stock/{id}:
    delete: { security: [{ oauth: [], key: [] }], responses: {} }
    get: { security: [{ oauth: [] }, { key: [] }], responses: {} }
  /intercepted:
    get: { x-wso2-disable-security: true, x-wso2-request-interceptor: check, responses: {} }
  /{any}:
    get: { x-wso2-disable-security: true, responses: {} }
    post: { responses: {} }
    head: { x-wso2-disable-security: true, responses: {} }
`

async function shop(t: Test) {
  const reached: string[] = []
  const { origin } = await httpServer(t, (req, res) => {
    reached.push(`${req.method} ${req.url}`)
    res.end('ok')
  })
  const { http, httpPort } = await gatewayInProcess(t, DEFINITION(origin))
  return { reached, http, httpPort }
}

t.test(
  'an operation that the gateway cannot protect is 403 by every method and spelling, with or without credentials',
  async (t) => {
    const { reached, http, httpPort } = await shop(t)
    const credentials: Record<string, string>[] = [
      {},
      { authorization: `Bearer ${await accessToken()}` },
      { authorization: `Bearer ${await accessToken({ keytype: 'SANDBOX' })}` },
      { authorization: 'Basic YTpi' },
      { 'x-key': 'a' },
      { authorization: 'Bearer a', 'x-http-method-override': 'PUT' },
    ]
    const spellings = ['/key', '/KEY', '/key.json', '/Key.', '/key%20', '/%4bEY.xml', '/key?a=b']
    const requests: [method: string, path: string][] = [
      ...spellings.flatMap((path) => ['GET', 'HEAD', 'POST'].map((method): [string, string] => [method, path])),
      ['OPTIONS', '/key'],
      ['DELETE', '/stock/1'],
      ['GET', '/intercepted'],
      ['HEAD', '/intercepted'],
      ['GET', '/Intercepted.html'],
    ]
    for (const [method, path] of requests) {
      for (const headers of credentials) {
        const answer = await fetch(`${http}/shop${path}`, { method, headers })
        t.equal(answer.status, 403, `${method} ${path} ${Object.keys(headers).join()}`)
        const body = await answer.text()
        if (method !== 'HEAD') t.match(body, '"code":900908,')
      }
    }
    t.equal((await fetch(`${http}/shop/k%65y`)).status, 400, 'not even read in one way only')
    t.equal((await fetch(`${http}/shop/key/`)).status, 403, 'nothing is declared there')
    for (const method of ['PUT', 'PATCH', 'TRACE', 'KEY']) {
      const answer = await exchangeRaw(httpPort, `${method} /shop/key HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`)
      t.match(answer, /^HTTP\/1\.1 40[05]/, method)
    }
    const upgrade = 'connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n'
    const key = 'sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n'
    const socket = await exchangeRaw(httpPort, `GET /shop/key HTTP/1.1\r\nhost: a\r\n${upgrade}${key}\r\n`)
    t.match(socket, /^HTTP\/1\.1 403/, 'a WebSocket')
    t.strictSame(reached, [])
  },
)

t.test('the gateway answers a CORS preflight for it, and an upstream never sees one', async (t) => {
  const { reached, http } = await shop(t)
  const headers = { origin: 'https://good.example', 'access-control-request-method': 'GET' }
  t.equal((await fetch(`${http}/shop/key`, { method: 'OPTIONS', headers })).status, 204)
  t.strictSame(reached, [])
})

t.test('the other operations of its API are served', async (t) => {
  const { reached, http } = await shop(t)
  const authorization = `Bearer ${await accessToken()}`
  t.equal((await fetch(`${http}/shop/other`)).status, 200)
  t.equal((await fetch(`${http}/shop/keys`)).status, 200)
  t.equal((await fetch(`${http}/shop/stock/1`)).status, 401)
  t.equal((await fetch(`${http}/shop/stock/1`, { headers: { authorization } })).status, 200)
  t.strictSame(reached, ['GET /other', 'GET /keys', 'GET /stock/1'])
})
