// The access log and the audit log, as whole gateways write them.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { accessToken, gatewayInProcess, revokeAt } from '../support/gateway-in-process.js'
import { ask, http2Client } from '../support/http2-client.js'
import { exchangeRaw, httpServer } from '../support/servers.js'
import { echo, webSocketServer } from '../support/web-sockets.js'

type Line = Readonly<Record<string, unknown>>

const hashOf = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 12)
const jtiOf = (jwt: string) =>
  (JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString()) as { jti: string }).jti
const linesOf = (text: string) => text.split('\n').slice(0, -1)

/** A gateway that writes both logs. */
async function logged(t: Test, accessLog: string) {
  const { origin } = await httpServer(t, (_, res) => res.end('{"ok":true}'))
  const sockets = await webSocketServer(t, (socket) => echo(socket))
  const definition = `openapi: 3.0.3
info: { title: Things, version: '1.0' }
x-wso2-basePath: /things
x-wso2-production-endpoints: { urls: ['${origin}'] }
paths:
  /thing/{id}: { get: { responses: {} }, head: { responses: {} } }
  /open: { get: { x-wso2-disable-security: true, responses: {} } }
  /socket: { get: { x-wso2-production-endpoints: { urls: ['${sockets.origin}'] }, responses: {} } }
`
  const gateway = await gatewayInProcess(
    t,
    definition,
    `[accessLog]\n  enable = true\n  file = "access.log"\n${accessLog}\n[auditLog]\n  enable = true\n  file = "audit.log"`,
  )
  const read = (file: string) => readFileSync(join(t.testdirName, file), 'utf8')
  return {
    ...gateway,
    origin,
    /** Ends the gateway: then all is written. */
    async written() {
      await gateway.close()
      const [access, audit] = [read('access.log'), read('audit.log')]
      return { access: linesOf(access), audit: linesOf(audit).map((line) => JSON.parse(line) as Line) }
    },
    async get(path: string, headers: Record<string, string> = {}) {
      const answer = await fetch(gateway.http + path, { headers })
      await answer.arrayBuffer()
      return answer.status
    },
  }
}

t.test(
  'a line a request over HTTP/1.1, HTTP/2 and for a WebSocket, as JSON; refusals and revocations are audited',
  async (t) => {
    const { get, origin, http, httpPort, httpsPort, adminPort, written } = await logged(
      t,
      '  format = "json"\n  caller = true',
    )
    const jwt = await accessToken({ azp: 'app' })
    const authorization = `Bearer ${jwt}`
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00'
    t.equal(await get(`/things/thing/1?limit=2&access%5Ftoken=`, { authorization }), 400)
    t.equal(
      await get('/things/thing/1?limit=2', {
        authorization,
        traceparent,
        referer: `http://a/?token=${jwt}`,
        'user-agent': `"a\\${jwt}`,
      }),
      200,
    )
    await (await fetch(`${http}/things/thing/1`, { method: 'HEAD', headers: { authorization } })).arrayBuffer()
    t.equal((await ask(http2Client(t, httpsPort), { ':path': '/things/thing/2', authorization })).status, 200)
    const socket = new WebSocket(`ws://127.0.0.1:${httpPort}/things/socket`, { headers: { authorization } })
    await once(socket, 'open')
    socket.send('hello')
    await once(socket, 'message')
    const closed = once(socket, 'close')
    await revokeAt({ adminPort }, jwt)
    await closed
    t.equal(await get('/things/thing/3', { authorization }), 401)
    t.equal(await get('/things/thing/4'), 401)
    t.equal(await get(`/things/elsewhere/${jwt}`), 403)
    await exchangeRaw(httpPort, 'GET / HTTP/1.1\r\n\r\n')
    await exchangeRaw(httpPort, 'nonsense\r\n\r\n')
    const { access, audit } = await written()
    const known = {
      api: 'Things',
      version: '1.0',
      client: '127.0.0.1',
      token: hashOf(jwt),
      subject: 'alice',
      clientId: 'app',
    }
    const forwarded = { ...known, upstream: origin, reason: 'upstream' }
    const lines = access.map((line) => JSON.parse(line) as Line)
    t.match(lines, [
      { status: 400, reason: 'two-credentials', path: '/things/thing/1', query: 'limit=2&access%5Ftoken=[redacted]' },
      {
        ...forwarded,
        ...{ method: 'GET', path: '/things/thing/1', query: 'limit=2', protocol: 'HTTP/1.1', status: 200, bytes: 11 },
        ...{
          resource: '/things/thing/{id}',
          traceId: '0af7651916cd43dd8448eb211c80319c',
          referer: 'http://a/?token=[redacted]',
        },
        ...{ time: /^20.*Z$/, requestId: /^\w+-\w+-\w+$/, durationMs: Number, userAgent: '"a\\[token]' },
      },
      { ...forwarded, method: 'HEAD', status: 200, bytes: 0 },
      { ...forwarded, protocol: 'HTTP/2.0', path: '/things/thing/2', status: 200, bytes: 11 },
      { ...known, webSocket: true, status: 101, reason: 'revoked', path: '/things/socket', bytes: Number },
      { ...known, status: 401, reason: 'revoked', path: '/things/thing/3' },
      { status: 401, reason: 'missing', api: 'Things' },
      { status: 403, reason: 'no-resource', path: '/things/elsewhere/[token]' },
      { status: 400, reason: 'unreadable', method: 'GET', path: '/', client: '127.0.0.1' },
      { status: 400, reason: 'unreadable', method: '', path: '', protocol: '-', client: '127.0.0.1' },
    ])
    t.equal(lines.length, 10)
    t.equal(new Set(lines.map(({ requestId }) => requestId)).size, 10)
    t.match(audit, [
      { event: 'refusal', reason: 'two-credentials', status: 400 },
      {
        event: 'revocation',
        kind: 'token',
        name: hashOf(jtiOf(jwt)),
        source: 'gateway',
        via: 'admin',
        client: '127.0.0.1',
      },
      { event: 'cut', reason: 'revoked', status: 101, token: hashOf(jwt), resource: '/things/socket' },
      {
        event: 'refusal',
        reason: 'revoked',
        status: 401,
        token: hashOf(jwt),
        by: 'jti',
        source: 'gateway',
        learnt: /^20/,
      },
      { event: 'refusal', reason: 'missing', requestId: lines[6]?.requestId, resource: '/things/thing/{id}' },
      { event: 'refusal', reason: 'no-resource' },
      { event: 'refusal', reason: 'unreadable' },
      { event: 'refusal', reason: 'unreadable' },
    ])
    const all = access.join() + JSON.stringify(audit)
    for (const secret of [jwt, jwt.split('.')[2] ?? '', jtiOf(jwt)]) t.notOk(all.includes(secret))
    t.notOk(JSON.stringify(audit).includes('alice'), 'the audit log names nobody')
  },
)

t.test(
  'the combined layout, and WSO2’s, which never names the caller; no value can end its quotes or the line',
  async (t) => {
    for (const [format, user] of [
      ['wso2', '-'],
      ['combined', 'ali\\x20c\\"e'],
    ] as const) {
      await t.test(format, async (t) => {
        const { get, written } = await logged(t, `  format = "${format}"\n  caller = true`)
        const authorization = `Bearer ${await accessToken({ sub: 'ali c"e' })}`
        t.equal(
          await get('/things/thing/1?a=b', { authorization, 'user-agent': 'a"b\\c\u00e4', referer: 'http://b/' }),
          200,
        )
        t.equal(await get('/things/thing/1?a=b'), 401)
        const { access } = await written()
        const parts = access.map((line) => /^127\.0\.0\.1 - (\S+) \[([^\]]+)\] (.*)$/.exec(line)?.slice(1))
        const time = /^\d\d\/[A-Z][a-z]{2}\/20\d\d:\d\d:\d\d:\d\d [+-]\d{4}$/
        const asked = '"GET /things/thing/1?a=b HTTP/1.1"'
        t.match(parts[0], [user, time, `${asked} 200 11 "http://b/" "a\\"b\\\\c\\xe4"`])
        t.match(parts[1], ['-', time, new RegExp(`^${asked.replace('?', '\\?')} 401 \\d+ "-" "node"$`)])
        t.equal(access.length, 2)
      })
    }
  },
)

t.test('after a log rotation and a reload lines go to a new file', async (t) => {
  const { get, reload, written } = await logged(t, '')
  const file = join(t.testdirName, 'access.log')
  t.equal(await get('/things/open'), 200)
  renameSync(file, `${file}.1`)
  t.equal((await reload()).succeeded, true)
  t.equal(await get('/things/open?second'), 200)
  const { access } = await written()
  t.match(access.at(-1), /\/things\/open\?second/)
  // What waited for others when the file was renamed may be in either.
  t.equal(linesOf(readFileSync(`${file}.1`, 'utf8')).length + access.length, 2)
})

t.test('a file that cannot be opened again goes on as it was; the reload is not lost', async (t) => {
  const { get, reload, close } = await logged(t, '')
  t.equal(await get('/things/open'), 200)
  rmSync(join(t.testdirName, 'access.log'))
  rmSync(join(t.testdirName, 'audit.log'))
  mkdirSync(join(t.testdirName, 'access.log'))
  t.equal((await reload()).succeeded, true)
  t.equal(await get('/things/open'), 200)
  await close()
  t.equal(readFileSync(join(t.testdirName, 'audit.log'), 'utf8'), '')
})

t.test('a full disk costs lines, which are counted, and no request', async (t) => {
  const { origin } = await httpServer(t, (_, res) => res.end('{}'))
  const full = 'enable = true\n  file = "/dev/full"'
  const { http, adminPort } = await gatewayInProcess(
    t,
    `openapi: 3.0.3
info: { title: Things, version: '1.0' }
x-wso2-basePath: /things
x-wso2-production-endpoints: { urls: ['${origin}'] }
paths: { /open: { get: { x-wso2-disable-security: true, responses: {} } } }
`,
    `[accessLog]\n  ${full}\n[auditLog]\n  ${full}`,
  )
  for (const [path, status] of [
    ['/things/open', 200],
    ['/elsewhere', 404],
  ] as const) {
    t.equal((await fetch(http + path)).status, status)
  }
  const dropped = async (log: string) => {
    const metrics = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text()
    return Number(new RegExp(`^mgw_log_lines_dropped_total{log="${log}"} (\\d+)$`, 'm').exec(metrics)?.[1])
  }
  while ((await dropped('access')) < 2 || (await dropped('audit')) < 1);
  t.equal(await dropped('access'), 2)
  t.equal(await dropped('audit'), 1)
})
