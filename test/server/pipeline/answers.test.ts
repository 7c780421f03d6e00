// Every answer that the gateway makes instead of an upstream, asked of a whole gateway over a raw connection: to GET and
// to HEAD, which has the same headers and no body.
import t, { type Test } from 'tap'
import { type FaultName, faults } from '../../../src/faults/index.js'
import { hmacRaw } from '../../auth/tokens.js'
import { freePorts } from '../../services/free-port.js'
import { accessToken, gatewayInProcess } from '../../support/gateway-in-process.js'
import { exchangeRaw, httpServer, tcpServer } from '../../support/servers.js'

const CHALLENGE =
  'OAuth2 realm="WSO2 API Microgateway", error="invalid token" , error_description="The access token expired"'

const DEFINITION = (upstream: string, dead: string, silent: string) => `openapi: 3.0.3
info: { title: Answers, version: '1.0' }
x-wso2-basePath: /answers/{version}
x-wso2-endpoints:
  - main: { urls: ['${upstream}'] }
x-wso2-production-endpoints: '#/x-wso2-endpoints/main'
components:
  securitySchemes:
    oauth: { type: oauth2, flows: { clientCredentials: { tokenUrl: 'https://sts.example/token', scopes: { admin: all } } } }
    key: { type: apiKey, in: header, name: apikey }
paths:
  /open: { get: { x-wso2-disable-security: true, responses: {} } }
  /item/{id}: { get: { responses: {} } }
  /posts: { post: { responses: {} } }
  /scoped: { get: { security: [{ oauth: [admin] }], responses: {} } }
  /either: { get: { security: [{ oauth: [] }, { key: [] }], responses: {} } }
  /keyed: { get: { security: [{ key: [] }], responses: {} } }
  /sandbox:
    get: { x-wso2-sandbox-endpoints: { urls: ['${upstream}'] }, responses: {} }
  /dead:
    get: { x-wso2-disable-security: true, x-wso2-production-endpoints: { urls: ['${dead}'] }, responses: {} }
  /silent:
    get:
      x-wso2-disable-security: true
      x-wso2-production-endpoints: { urls: ['${silent}'], advanceEndpointConfig: { timeoutInMillis: 50 } }
      responses: {}
`

interface Asked {
  readonly path: string
  readonly token?: string
  readonly headers?: string
}

/** What is on the wire. */
async function ask(port: number, method: string, { path, token, headers = '' }: Asked) {
  const authorization = token === undefined ? '' : `authorization: Bearer ${token}\r\n`
  const answer = await exchangeRaw(
    port,
    `${method} ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${authorization}${headers}\r\n`,
  )
  const end = answer.indexOf('\r\n\r\n')
  const [status = '', ...lines] = answer.slice(0, end).split('\r\n')
  const fields = lines.map((line) => [
    line.slice(0, line.indexOf(':')).toLowerCase(),
    line.slice(line.indexOf(':') + 2),
  ])
  return {
    status: Number(status.split(' ')[1]),
    headers: Object.fromEntries(fields) as Readonly<Record<string, string>>,
    body: answer.slice(end + 4),
  }
}

async function answers(t: Test, port: number, name: FaultName, asked: Asked, method = 'GET') {
  const fault = faults[name]
  const answer = await ask(port, method, asked)
  t.equal(answer.status, fault.status, name)
  t.equal(answer.body, fault.body, 'to the letter')
  t.equal(answer.headers['content-type'], 'application/json')
  t.equal(answer.headers['www-authenticate'], fault.status === 401 ? CHALLENGE : undefined)
  t.equal(answer.headers['retry-after'], fault.status === 503 ? '5' : undefined)
  const head = await ask(port, 'HEAD', asked)
  t.equal(head.status, fault.status, `${name} to HEAD`)
  t.equal(head.body, '', 'no body')
  t.strictSame({ ...head.headers, date: '' }, { ...answer.headers, date: '' }, 'and the same headers')
}

async function upstreams(t: Test): Promise<string> {
  const { origin } = await httpServer(t, (_, res) => void res.end('{"ok":true}'))
  const { port } = await tcpServer(t, () => undefined)
  const [dead] = await freePorts(1)
  return DEFINITION(origin, `http://127.0.0.1:${dead}`, `http://127.0.0.1:${port}`)
}

t.test('every answer of the catalogue, to the letter, with and without a body', async (t) => {
  const [dead] = await freePorts(1)
  const more = `[keyManager]
  serverUrl = "http://127.0.0.1:${dead}"
[[jwtTokenConfig]]
  issuer = "https://away.example"
  jwksURL = "http://127.0.0.1:${dead}/jwks"`
  const limits = '  maxUriLength = 200\n  maxEntityBodySize = 10'
  const { httpPort: port } = await gatewayInProcess(t, await upstreams(t), more, limits)
  const [token, sandbox, away] = await Promise.all([
    accessToken(),
    accessToken({ keytype: 'SANDBOX' }),
    accessToken({ iss: 'https://away.example' }),
  ])
  t.match(await ask(port, 'GET', { path: '/answers/1.0/item/1', token }), { status: 200, body: /ok/ })
  const item = '/answers/1.0/item/1'
  const cases: [FaultName, Asked][] = [
    ['badRequest', { path: '/answers/1.0/item/a%2Fb', token }],
    ['badRequest', { path: item, token, headers: `authorization: Bearer ${sandbox}\r\n` }],
    ['badRequest', { path: `${item}?access_token=x`, token }],
    ['noApi', { path: '/nothing' }],
    ['noApi', { path: '/answers/1.1/item/1', token }],
    ['methodNotAllowed', { path: '/answers/1.0/posts' }],
    ['methodNotAllowed', { path: '/answers/1.0/posts', token }],
    ['entityTooLarge', { path: item, token, headers: 'content-length: 11\r\n' }],
    ['uriTooLong', { path: `${item}?${'x'.repeat(200)}`, token }],
    ['keyManagerUnavailable', { path: item, token: away }],
    ['keyManagerUnavailable', { path: item, token: 'opaque' }],
    ['invalidCredentials', { path: item, token: hmacRaw('secret') }],
    ['invalidCredentials', { path: item, token: '{}' }],
    ['missingCredentials', { path: item }],
    ['missingCredentials', { path: item, headers: 'authorization: Basic eDp5\r\n' }],
    ['missingCredentials', { path: '/answers/1.0/either', headers: 'apikey: x\r\n' }],
    ['noResource', { path: '/answers/1.0/other', token }],
    ['noResource', { path: '/answers/1.0', token }],
    ['noResource', { path: `${item}/`, token }],
    ['notServed', { path: '/answers/1.0/keyed', token }],
    ['scopeNotAllowed', { path: '/answers/1.0/scoped', token }],
    ['noSandboxEndpoint', { path: item, token: sandbox }],
    ['upstreamUnreachable', { path: '/answers/1.0/dead' }],
    ['upstreamTimeout', { path: '/answers/1.0/silent' }],
  ]
  for (const [name, asked] of cases) {
    await t.test(`${name}: ${asked.path.slice(0, 40)}`, (t) => answers(t, port, name, asked))
  }
  const only = { path: item, token }
  const sandboxOnly = (await upstreams(t)).replaceAll('x-wso2-production-endpoints', 'x-wso2-sandbox-endpoints')
  const gateway = await gatewayInProcess(t, sandboxOnly.replace(/ {2}\/sandbox:\n.*\n/, ''))
  await t.test('noProductionEndpoint', (t) => answers(t, gateway.httpPort, 'noProductionEndpoint', only))

  const down = `[tokenRevocationConfig.journal]
  enable = false
[tokenRevocationConfig.persistent]
  enablePersistentStorageRetrieval = true
  endpointURL = "http://127.0.0.1:${dead}"`
  const unknowing = await gatewayInProcess(t, await upstreams(t), down)
  await t.test('notSynchronised', (t) => answers(t, unknowing.httpPort, 'notSynchronised', only))
  t.match(await ask(unknowing.httpPort, 'GET', { path: '/answers/1.0/open' }), { status: 200, body: /ok/ })

  const tested = new Set<string>([...cases.map(([name]) => name), 'noProductionEndpoint', 'notSynchronised'])
  // slow-clients.test.ts, revoke-endpoint.test.ts, endpoints.test.ts, load-shedding.test.ts
  const elsewhere = ['requestTimeout', 'revocationUnconfirmed', 'upstreamSuspended', 'overloaded']
  const never = ['unclassified'] // what nobody foresaw
  t.strictSame([...tested, ...elsewhere, ...never].sort(), Object.keys(faults).sort(), 'that is the whole catalogue')
})

t.test('a 405 names the methods that are there (RFC 9110 §15.5.6)', async (t) => {
  const { httpPort: port } = await gatewayInProcess(t, await upstreams(t))
  const allow = async (method: string, path: string) => (await ask(port, method, { path })).headers.allow
  t.equal(await allow('GET', '/answers/1.0/posts'), 'POST')
  t.equal(await allow('DELETE', '/answers/1.0/item/1'), 'GET, HEAD')
  t.equal(await allow('TRACE', '/answers/1.0/open'), 'GET, HEAD')
})
