import { EventEmitter, once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { Secret } from '../../src/config/index.js'
import { type Broker, startBroker } from '../../src/demo/broker/index.js'
import { startTokenService, type TokenService } from '../../src/demo/token-service/index.js'
import type { Gateway } from '../../src/gateway.js'
import { form, type HttpsCall, insecureHttps } from './https-client.js'
import { type Mgw, mgw } from './mgw.js'
import { httpServer } from './servers.js'
import { sharedKeys } from './shared-keys.js'

const ADMIN = { name: 'admin', password: new Secret('admin') }
const CLIENT = { name: 'demo', password: new Secret('demo') }
const TOPIC = 'tokenRevocation'

/** What a gateway stands between in a test: a token service (and hub), a topic broker, an upstream. */
export interface World {
  readonly directory: string
  readonly broker: Broker
  readonly upstream: string
  /** Paths that reached the upstream. It answers at once, but for `/thing/slow`. */
  readonly reached: string[]
  /** Requests for `/thing/slow` that wait for their answer: call one to give it. */
  readonly held: (() => void)[]
  /** Resolves when so many requests for `/thing/slow` have been held. */
  holding(count: number): Promise<void>
  hub(): TokenService
  /** Stops the token service; `startHub` starts it again, on the same port and with what it kept. */
  stopHub(): Promise<void>
  startHub(): Promise<void>
  token(): Promise<string>
  /** The section that makes the token service, or another one, the gateway's key manager. */
  keyManager(url?: string): string
  /** Revokes at the token service. It tells the topic, unless `quietly`: then only the hub's list has it. */
  revoke(token: string, quietly?: boolean): Promise<void>
  /**
   * A configuration for this world, with a few lines more; sections of other sources take the place of its own.
   * Gateways of different names have nothing in common on disk. One worker, unless `workers` says more. The token service is not its key manager: the lines of
   * `keyManager()` make it that.
   */
  configFile(more?: string, sources?: Sources, name?: string, workers?: number): string
}

/** The bodies of `[tokenRevocationConfig.realtime]` and `.persistent`, as a user writes them; empty: not there. */
export interface Sources {
  readonly realtime?: string
  readonly persistent?: string
  /** Further lines of `[admin]`. */
  readonly admin?: string
}

const OPENAPI = (upstream: string) => `openapi: 3.0.3
info: { title: Things, version: 1.0.0 }
x-wso2-basePath: /things/v1
x-wso2-production-endpoints: { urls: [${JSON.stringify(upstream)}] }
paths:
  /thing/{id}: { get: { responses: { default: { description: any } } } }
  /open: { get: { x-wso2-disable-security: true, responses: { default: { description: any } } } }
`

export async function world(t: Test): Promise<World> {
  const directory = t.testdir({ hub: {} })
  const keys = await sharedKeys()
  keys.certificate(join(directory, 'hub'))
  keys.signingKey(join(directory, 'hub'))
  const reached: string[] = []
  const held: (() => void)[] = []
  const holds = new EventEmitter()
  const { origin } = await httpServer(t, (req, res) => {
    reached.push(req.url ?? '')
    const answer = () => res.end('{"ok":true}')
    if (req.url?.endsWith('/slow') === true) {
      held.push(answer)
      holds.emit('held')
    } else answer()
  })
  const broker = await startBroker({ port: 0, username: ADMIN.name, password: ADMIN.password })
  t.teardown(() => broker.close())
  let quiet = false
  const start = (port: number) =>
    startTokenService({
      port,
      directory: join(directory, 'hub'),
      client: CLIENT,
      admin: ADMIN,
      publish: (event) => {
        if (!quiet) broker.publish(TOPIC, event)
      },
    })
  let hub: TokenService | undefined = await start(0)
  const { port, url, issuer, caFile } = hub
  const running = () => {
    if (hub === undefined) throw new Error('the token service is stopped')
    return hub
  }
  t.teardown(() => hub?.close())
  const call = insecureHttps(t)
  return {
    directory,
    broker,
    upstream: origin,
    reached,
    held,
    async holding(count) {
      while (held.length < count) await once(holds, 'held')
    },
    hub: running,
    async stopHub() {
      await running().close()
      hub = undefined
    },
    async startHub() {
      hub = await start(port)
    },
    async token() {
      const answer = await call(`${url}/oauth2/token`, form({ grant_type: 'client_credentials' }))
      return (JSON.parse(answer.body) as { access_token: string }).access_token
    },
    keyManager: (at = url) => `[keyManager]\n  serverUrl = "${at}"\n  tokenContext = "oauth2"`,
    async revoke(token, quietly = false) {
      quiet = quietly
      const { status } = await call(`${url}/oauth2/revoke`, form({ token }))
      quiet = false
      if (status !== 200) throw new Error(`the token service answered ${status}`)
    },
    configFile(more = '', sources = {}, name = 'gateway', workers = 1) {
      const file = join(directory, name, 'micro-gw.conf')
      mkdirSync(join(directory, name, 'api_definitions'), { recursive: true })
      keys.certificate(join(directory, name, 'data'))
      writeFileSync(join(directory, name, 'api_definitions', 'things.yaml'), OPENAPI(`${origin}/up`))
      writeFileSync(file, config({ url, issuer, caFile, brokerPort: broker.port, workers }, more, sources))
      return file
    },
  }
}

function config(
  at: { url: string; issuer: string; caFile: string; brokerPort: number; workers: number },
  more: string,
  sources: Sources,
) {
  const realtime = `  enableRealtimeMessageRetrieval = true
  jmsConnectionTopic = "${TOPIC}"
  jmsConnectionProviderUrl = "amqp10://localhost:${at.brokerPort}"
  jmsConnectionUsername = "admin"
  jmsConnectionPassword = "admin"`
  const persistent = `  enablePersistentStorageRetrieval = true
  type = "default"
  endpointURL = "${at.url}/internal/data/v1"
  username = "admin"
  password = "admin"
  caFile = "${at.caFile}"`
  return `
[server]
  workers = ${at.workers}
[listenerConfig]
  host = "127.0.0.1"
  httpPort = 0
  httpsPort = 0
  tokenListenerPort = 0
  trustStorePath = "${at.caFile}"
[admin]
  port = 0
${sources.admin ?? ''}
[logging]
  level = "debug"
[[jwtTokenConfig]]
  issuer = "${at.issuer}"
  jwksURL = "${at.url}/oauth2/jwks"
[tokenRevocationConfig.realtime]
${sources.realtime ?? realtime}
[tokenRevocationConfig.persistent]
${sources.persistent ?? persistent}
${more}`
}

/** The `jti` of a token. */
export function jtiOf(token: string): string {
  const payload = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()
  return (JSON.parse(payload) as { jti: string }).jti
}

/** A gateway that was started by `mgw start`. */
export interface RunningGateway {
  readonly process: Mgw
  readonly http: string
  readonly https: string
  readonly admin: string
  /** The token listener; empty if there is none. */
  readonly tokens: string
  readonly call: HttpsCall
  /** The status that a request with this token gets. */
  status(token: string, thing?: string): Promise<number>
  known(): Promise<unknown>
}

export async function startGateway(
  t: Pick<Test, 'teardown'>,
  configFile: string,
  env: Record<string, string> = {},
): Promise<RunningGateway> {
  const process = mgw(t, ['start', '-c', configFile], env)
  const [, httpPort, httpsPort, adminPort, tokenPort] = await process.printed(
    /gateway started http=(\d+) https=(\d+) admin=(\d+)(?: token=(\d+))?.*\n/,
  )
  const known = () => process.printed(/revocation list is known/)
  const optional = tokenPort === undefined ? {} : { tokenPort: Number(tokenPort) }
  const ports = { httpPort: Number(httpPort), httpsPort: Number(httpsPort), adminPort: Number(adminPort), ...optional }
  return { process, ...addressed(t, ports, known) }
}

/** Where a gateway is reached, and what is asked of it. */
export function addressed(
  t: Pick<Test, 'teardown'>,
  { httpPort, httpsPort, adminPort, tokenPort }: Pick<Gateway, 'httpPort' | 'httpsPort' | 'adminPort' | 'tokenPort'>,
  known: () => Promise<unknown>,
): Omit<RunningGateway, 'process'> {
  const http = `http://127.0.0.1:${httpPort}`
  return {
    http,
    https: `https://127.0.0.1:${httpsPort}`,
    admin: `http://127.0.0.1:${adminPort}`,
    tokens: tokenPort === undefined ? '' : `https://127.0.0.1:${tokenPort}`,
    call: insecureHttps(t),
    async status(token, thing = '1') {
      const answer = await fetch(`${http}/things/v1/thing/${thing}`, { headers: { authorization: `Bearer ${token}` } })
      await answer.arrayBuffer()
      return answer.status
    },
    known,
  }
}
