// What upstreams are told of a request's id and trace, by a whole gateway.
import { once } from 'node:events'
import type { IncomingHttpHeaders } from 'node:http'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { gatewayInProcess } from '../support/gateway-in-process.js'
import { ask, http2Client } from '../support/http2-client.js'
import { httpServer } from '../support/servers.js'
import { webSocketServer } from '../support/web-sockets.js'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const TRACEPARENT = `00-${TRACE}-b7ad6b7169203331-00`
const MADE = /^[0-9a-f]{10}-[0-9a-z]+-[0-9a-z]+$/

/** Asks an open resource; resolves with the headers that the upstream got. */
type Ask = (headers: Record<string, string>) => Promise<IncomingHttpHeaders>

/** The three ways to a gateway: HTTP/1.1, HTTP/2 and a WebSocket. */
async function ways(t: Test, tracing: string, listenerConfig = ''): Promise<Record<string, Ask>> {
  const { origin } = await httpServer(t, (req, res) => res.end(JSON.stringify(req.headers)))
  const opened: IncomingHttpHeaders[] = []
  const sockets = await webSocketServer(t, (socket, req) => {
    opened.push(req.headers)
    socket.on('error', () => undefined)
  })
  const open = '{ get: { x-wso2-disable-security: true, responses: {} } }'
  const { http, httpPort, httpsPort } = await gatewayInProcess(
    t,
    `openapi: 3.0.3
info: { title: Things, version: '1.0' }
x-wso2-basePath: /things
x-wso2-production-endpoints: { urls: ['${origin}'] }
paths:
  /open: ${open}
  /socket: { get: { x-wso2-production-endpoints: { urls: ['${sockets.origin}'] }, x-wso2-disable-security: true, responses: {} } }
`,
    `[tracing]\n${tracing}`,
    listenerConfig,
  )
  const session = http2Client(t, httpsPort)
  return {
    async 'HTTP/1.1'(headers) {
      return (await (await fetch(`${http}/things/open`, { headers })).json()) as IncomingHttpHeaders
    },
    async 'HTTP/2'(headers) {
      return JSON.parse((await ask(session, { ':path': '/things/open', ...headers })).body) as IncomingHttpHeaders
    },
    async WebSocket(headers) {
      const socket = new WebSocket(`ws://127.0.0.1:${httpPort}/things/socket`, { headers })
      await once(socket, 'open')
      socket.terminate()
      return opened.at(-1) ?? {}
    },
  }
}

t.test('by default every request has an id, and a valid trace is passed on', async (t) => {
  for (const [way, asked] of Object.entries(await ways(t, ''))) {
    const first = await asked({ 'x-request-id': 'forged', x_request_id: 'forged' })
    t.match(first['x-request-id'], MADE, `${way}: a client's own id is replaced`)
    t.notOk('x_request_id' in first || 'traceparent' in first || 'tracestate' in first, way)
    t.not((await asked({}))['x-request-id'], first['x-request-id'], way)
    const traced = await asked({ traceparent: TRACEPARENT, tracestate: 'a=1,b=2' })
    t.match(traced, { traceparent: TRACEPARENT, tracestate: 'a=1,b=2' }, way)
    for (const broken of [{ traceparent: `${TRACEPARENT}0`, tracestate: 'a=1' }, { tracestate: 'a=1' }]) {
      const untraced = await asked(broken)
      t.notOk('traceparent' in untraced || 'tracestate' in untraced, `${way}: ${Object.keys(broken)}`)
    }
  }
})

t.test('a trace is started where there is none, or none that is valid', async (t) => {
  for (const [way, asked] of Object.entries(await ways(t, '  startTraces = true'))) {
    for (const broken of [{}, { traceparent: TRACEPARENT.toUpperCase(), tracestate: 'a=1' }, { tracestate: 'a=1' }]) {
      const { traceparent, tracestate } = await asked(broken)
      t.match(traceparent, /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/, way)
      t.notOk(String(traceparent).includes(TRACE), way)
      t.equal(tracestate, undefined, way)
    }
    t.match(await asked({ traceparent: TRACEPARENT }), { traceparent: TRACEPARENT }, way)
  }
})

t.test('the id of a trusted proxy is kept, and of any client by option; no id that could be a token', async (t) => {
  const trusted = await ways(t, '', '  trustedProxies = ["127.0.0.1"]')
  const kept = await ways(t, '  keepClientRequestId = true')
  for (const [way, asked] of [...Object.entries(trusted), ...Object.entries(kept)]) {
    t.equal((await asked({ 'x-request-id': 'edge-7' }))['x-request-id'], 'edge-7', way)
    t.match((await asked({ 'x-request-id': 'a'.repeat(65) }))['x-request-id'], MADE, way)
  }
})
