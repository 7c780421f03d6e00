// Which headers an upstream may believe: what the gateway did not judge does not reach it.
import t, { type Test } from 'tap'
import { accessToken, gatewayInProcess } from '../../support/gateway-in-process.js'
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
