import t, { type Test } from 'tap'
import { gatewayInProcess } from '../../support/gateway-in-process.js'
import { form, insecureHttps } from '../../support/https-client.js'
import { httpServer } from '../../support/servers.js'

const DEFINITION = `openapi: 3.0.3
info: { title: Any, version: '1' }
x-wso2-basePath: /any
servers: [{ url: 'http://127.0.0.1:1' }]
paths: { /x: { get: { responses: {} } } }
`
const CORS = `[keyManager.cors]
accessControlAllowOrigins = ["https://app.example"]
accessControlAllowCredentials = true
accessControlAllowHeaders = ["Authorization"]
accessControlAllowMethods = ["GET", "POST"]
`
const APP = { origin: 'https://app.example' }
const PREFLIGHT = { ...APP, 'access-control-request-method': 'POST' }

/** A gateway whose key manager answers everything with 200 and CORS headers of its own; and what reached that. */
async function gatewayWith(t: Test, cors: string) {
  const reached: string[] = []
  const { origin } = await httpServer(t, (req, res) => {
    req.resume()
    reached.push(`${req.method} ${req.url}`)
    res.writeHead(200, { 'access-control-allow-origin': '*', 'access-control-max-age': '1' }).end('{}')
  })
  const gateway = await gatewayInProcess(t, DEFINITION, `[keyManager]\nserverUrl = "${origin}"\n${cors}`)
  const call = insecureHttps(t)
  const ports = [gateway.httpsPort, gateway.tokenPort]
  const ask = async (path: string, options: Parameters<typeof call>[1], port = ports[0]) => {
    const { status, headers } = await call(`https://127.0.0.1:${port}${path}`, options)
    const named = Object.entries(headers).filter(([name]) => name.startsWith('access-control-'))
    return { status, cors: Object.fromEntries(named) }
  }
  return { reached, ports, ask }
}

t.test(
  'with [keyManager.cors] preflights of /token, /userinfo and /revoke are answered, on both listeners',
  async (t) => {
    const { reached, ports, ask } = await gatewayWith(t, CORS)
    for (const port of ports) {
      for (const path of ['/token', '/userinfo', '/revoke']) {
        const { status, cors } = await ask(path, { method: 'OPTIONS', headers: PREFLIGHT }, port)
        t.equal(status, 204, path)
        t.strictSame(cors, {
          'access-control-allow-origin': 'https://app.example',
          'access-control-allow-credentials': 'true',
          'access-control-allow-methods': 'GET, POST',
          'access-control-allow-headers': 'authorization',
        })
      }
      t.equal((await ask('/authorize', { method: 'OPTIONS', headers: PREFLIGHT }, port)).status, 404)
      t.equal((await ask('/token', { method: 'OPTIONS', headers: APP }, port)).status, 404, 'not a preflight')
    }
    const other = await ask('/token', { method: 'OPTIONS', headers: { ...PREFLIGHT, origin: 'https://evil.example' } })
    t.strictSame(other, { status: 204, cors: {} })
    t.same(reached, [])
  },
)

t.test(
  'with [keyManager.cors] all answers say what it says, and nothing that the key manager says of CORS',
  async (t) => {
    const { reached, ask } = await gatewayWith(t, CORS)
    const allowed = { 'access-control-allow-origin': 'https://app.example', 'access-control-allow-credentials': 'true' }
    const post = (headers: object) => {
      const { headers: own, ...rest } = form({ token: 'a' })
      return { ...rest, headers: { ...own, ...headers } }
    }
    t.strictSame(await ask('/token', post(APP)), { status: 200, cors: allowed })
    t.strictSame(await ask('/token', post({ origin: 'https://evil.example' })), { status: 200, cors: {} })
    t.strictSame(await ask('/userinfo', { headers: APP }), { status: 401, cors: allowed }, 'a refusal, too')
    t.strictSame(await ask('/revoke', post(APP)), { status: 503, cors: allowed }, 'which nobody could judge')
    t.strictSame(await ask('/authorize', { headers: APP }), {
      status: 200,
      cors: { 'access-control-allow-origin': '*', 'access-control-max-age': '1' },
    })
    t.same(
      reached.filter((request) => !request.includes('introspect')),
      ['POST /oauth2/token', 'POST /oauth2/token', 'GET /oauth2/authorize'],
    )
  },
)

t.test('without [keyManager.cors] a preflight is 404, and the key manager’s CORS headers pass', async (t) => {
  const { ask } = await gatewayWith(t, '')
  t.equal((await ask('/token', { method: 'OPTIONS', headers: PREFLIGHT })).status, 404)
  t.match((await ask('/token', form({ grant_type: 'x' }))).cors, { 'access-control-allow-origin': '*' })
})
