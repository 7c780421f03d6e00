// Does any worker let a revoked token through 50 ms after its revocation was published? The token service, the broker and
// the clients run here; the gateway and its workers in processes of their own. Every token is asked for on connections of
// all workers, under load from a token that nobody revokes.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, createServer, request } from 'node:http'
import { request as secureRequest } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { Secret } from '../../src/config/index.js'
import { startBroker } from '../../src/demo/broker/index.js'
import { startTokenService } from '../../src/demo/token-service/index.js'
import { histogram, percentile } from '../support/statistics.js'

const WORKERS = Number(process.env.WORKERS ?? 4)
const REVOCATIONS = Number(process.env.REVOCATIONS ?? 1_000)
const RATE = Number(process.env.RATE ?? 100)
const CONNECTIONS = Number(process.env.CONNECTIONS ?? 16)
const LOAD = Number(process.env.LOAD ?? 4)
/** No 200 may come to a request that was sent later than this after the publication, ms. */
const LIMIT = 50
const TOPIC = 'tokenRevocation'

const directory = mkdtempSync(join(tmpdir(), 'mgw-bench-'))
mkdirSync(join(directory, 'hub'))
mkdirSync(join(directory, 'api_definitions'))
const password = new Secret('admin')
const broker = await startBroker({ port: 0, username: 'admin', password })
const service = await startTokenService({
  port: 0,
  directory: join(directory, 'hub'),
  client: { name: 'demo', password: new Secret('demo') },
  admin: { name: 'admin', password },
  publish: () => undefined,
})
const upstream = createServer((_, res) => res.end('{"ok":true}')).listen(0, '127.0.0.1')
await once(upstream, 'listening')
writeFileSync(
  join(directory, 'api_definitions', 'things.yaml'),
  `openapi: 3.0.3
info: { title: Things, version: 1.0.0 }
x-wso2-basePath: /things
x-wso2-production-endpoints: { urls: ["http://127.0.0.1:${(upstream.address() as AddressInfo).port}"] }
paths: { /thing: { get: { responses: { default: { description: any } } } } }
`,
)
writeFileSync(
  join(directory, 'micro-gw.conf'),
  `[server]
  workers = ${WORKERS}
[listenerConfig]
  host = "127.0.0.1"
  httpPort = 0
  httpsPort = 0
  trustStorePath = "${service.caFile}"
[admin]
  port = 0
[[jwtTokenConfig]]
  issuer = "${service.issuer}"
  jwksURL = "${service.url}/oauth2/jwks"
[tokenRevocationConfig.realtime]
  enableRealtimeMessageRetrieval = true
  jmsConnectionTopic = "${TOPIC}"
  jmsConnectionProviderUrl = "amqp10://localhost:${broker.port}"
  jmsConnectionUsername = "admin"
  jmsConnectionPassword = "admin"
`,
)
const { child, http, admin } = await startGateway()
try {
  await ready()
  const tokens: string[] = []
  for (let i = 0; i < REVOCATIONS; i++) tokens.push(await newToken())
  const control = await newToken()
  const connections = Array.from({ length: CONNECTIONS }, () => new Agent({ keepAlive: true, maxSockets: 1 }))
  // The first request of a token verifies it; what is measured is the list.
  for (const agent of connections) if ((await ask(control, agent)) !== 200) throw new Error('a good token was refused')

  const published = new Map<string, number>()
  const late: number[] = []
  const last: number[] = []
  let loads = 0
  let passed = 0
  let latest = 0
  let done = false
  const load = Array.from({ length: LOAD }, async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    while (!done) {
      if ((await ask(control, agent)) !== 200) throw new Error('the control token was refused')
      loads++
    }
    agent.destroy()
  })
  const started = performance.now()
  const watched = tokens.map(async (token, i) => {
    await new Promise((resolve) => setTimeout(resolve, (i * 1_000) / RATE))
    const [, payload = ''] = token.split('.')
    const { jti } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { jti: string }
    const at = performance.now()
    published.set(token, at)
    broker.publish(TOPIC, { revokedToken: jti, ttl: '3600', expiryTime: String(Date.now() + 3_600_000) })
    const refusedAt = await Promise.all(
      connections.map(async (agent) => {
        for (;;) {
          let sent = Number.NaN
          const status = await ask(token, agent, () => {
            sent = performance.now()
          })
          if (status === 401) return performance.now() - at
          if (sent - at > LIMIT) late.push(sent - at)
          latest = Math.max(latest, sent - at)
          passed++
        }
      }),
    )
    last.push(Math.max(...refusedAt))
  })
  await Promise.all(watched)
  const seconds = (performance.now() - started) / 1_000
  done = true
  await Promise.all(load)
  console.log(`${WORKERS} workers, ${REVOCATIONS} revocations at ${RATE} a second, ${CONNECTIONS} connections each`)
  console.log(`load beside it: ${Math.round(loads / seconds)} requests a second`)
  console.log('publish to the last connection’s 401:')
  console.log(histogram(last, 'ms'))
  for (const p of [0.5, 0.9, 0.99, 1]) console.log(`p${p * 100}  ${percentile(last, p).toFixed(2)} ms`)
  console.log(
    `${passed} requests passed after the publication, the last of them was sent ${latest.toFixed(1)} ms after it`,
  )
  console.log(`answers of 200 to requests sent more than ${LIMIT} ms after the publication: ${late.length}`)
  for (const agent of connections) agent.destroy()
  if (late.length > 0) process.exitCode = 1
} finally {
  child.kill('SIGTERM')
  await broker.close()
  await service.close()
  upstream.closeAllConnections()
  upstream.close()
  rmSync(directory, { recursive: true, force: true })
}

async function startGateway(): Promise<{ child: ChildProcess; http: string; admin: string }> {
  const child = spawn(process.execPath, ['bin/mgw.js', 'start', '-c', join(directory, 'micro-gw.conf')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  child.stdout.setEncoding('utf8')
  let output = ''
  for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
    output += chunk
    const [, http, admin] = /gateway started http=(\d+) https=\d+ admin=(\d+)/.exec(output) ?? []
    if (http === undefined) continue
    child.stdout.resume()
    return { child, http: `http://127.0.0.1:${http}`, admin: `http://127.0.0.1:${admin}` }
  }
  throw new Error(`the gateway did not start:\n${output}`)
}

async function ready(): Promise<void> {
  for (;;) {
    const answer = await fetch(`${admin}/ready`)
    const { workers } = (await answer.json()) as { workers?: { listening: boolean }[] }
    if (answer.status === 200 && WORKERS === 1) return
    if (answer.status === 200 && (workers ?? []).filter(({ listening }) => listening).length === WORKERS) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

function ask(token: string, agent: Agent, onSent: () => void = () => undefined): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}` }
    const req = request(`${http}/things/thing`, { agent, headers }, (res) => {
      res.resume()
      res.on('end', () => resolve(res.statusCode ?? 0))
    })
    req.on('socket', onSent) // it has waited for its connection until now
    req.on('error', reject)
    req.end()
  })
}

function newToken(): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const options = { method: 'POST', auth: 'demo:demo', rejectUnauthorized: false, headers }
    const req = secureRequest(`${service.url}/oauth2/token`, options, (res) => {
      json(res).then((body) => resolve((body as { access_token: string }).access_token), reject)
    })
    req.on('error', reject)
    req.end('grant_type=client_credentials')
  })
}
