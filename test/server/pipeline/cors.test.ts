import t from 'tap'
import { gatewayInProcess } from '../../support/gateway-in-process.js'
import { httpServer } from '../../support/servers.js'

const DEFINITION = (upstream: string, cors: string) => `openapi: 3.0.3
info: { title: Shop, version: '1.0' }
x-wso2-basePath: /shop
x-wso2-production-endpoints: { urls: ['${upstream}'] }
${cors}
paths:
  /open: { get: { x-wso2-disable-security: true, responses: {} } }
`
const CORS = `x-wso2-cors:
  access-control-allow-origins: ['https://good.example']
  access-control-expose-headers: [etag]`

t.test("an API's CORS settings are the only ones: what its upstream says of CORS is not passed on", async (t) => {
  const { origin } = await httpServer(t, (_, res) => {
    res.writeHead(200, {
      'Access-Control-Allow-Origin': 'https://evil.example',
      'access-control-allow-credentials': 'true',
      'Access-Control-Allow-Private-Network': 'true',
      vary: 'Accept',
      etag: '"1"',
    })
    res.end()
  })
  const ruled = await gatewayInProcess(t, DEFINITION(origin, CORS))
  const open = await gatewayInProcess(t, DEFINITION(origin, ''))
  const ask = async (http: string, from?: string) => {
    const answer = await fetch(`${http}/shop/open`, { headers: from === undefined ? {} : { origin: from } })
    t.equal(answer.status, 200)
    t.equal(answer.headers.get('etag'), '"1"')
    const cors = [...answer.headers].filter(([name]) => name.startsWith('access-control-'))
    return { cors: Object.fromEntries(cors), vary: answer.headers.get('vary') }
  }
  t.strictSame(await ask(ruled.http, 'https://evil.example'), { cors: {}, vary: 'Accept, Origin' })
  t.strictSame((await ask(ruled.http)).cors, {}, 'nor to a request of no origin, whose answer a cache may keep')
  t.strictSame(await ask(ruled.http, 'https://good.example'), {
    cors: { 'access-control-allow-origin': 'https://good.example', 'access-control-expose-headers': 'etag' },
    vary: 'Accept, Origin',
  })
  t.match((await ask(open.http, 'https://evil.example')).cors, { 'access-control-allow-credentials': 'true' })
})
