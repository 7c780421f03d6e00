import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { join } from 'node:path'
import type { Way } from './ledger.js'
import type { Site } from './site.js'
import type { Token } from './upstream.js'
import { ADMIN_TOKEN, type World } from './world.js'

/** An answer that takes longer (ms) promises nothing. */
const ANSWER_LIMIT = 10_000
const COMMAND_LIMIT = 30_000

/** How revocations enter. Each resolves when it is known what became of it, and tells the ledger; none rejects. */
export class Entrances {
  readonly #world: World

  constructor(world: World) {
    this.#world = world
  }

  /** @param site the gateway that it goes through, or whose configuration is used */
  async revoke(token: Token, way: Way, site: Site): Promise<void> {
    const { ledger, broker } = this.#world
    const through = way === 'broker' || way === 'etcd' || way === 'both' ? undefined : site.gateway.name
    ledger.published(token.jti, way, performance.now(), through)
    if (way === 'broker' || way === 'both') broker.publish(token.jti)
    if (way === 'etcd' || way === 'both') await this.#put(token)
    if (way === '/revoke' || way === 'POST /revocations') await this.#ask(token, way, site)
    if (way === 'mgw revoke') await this.#command(token, site)
  }

  async #put({ jti }: Token): Promise<void> {
    const { ledger, writer, upstream } = this.#world
    const ofIssuer = `jti-records/of/${encodeURIComponent(upstream.origin)}`
    const device = encodeURIComponent(JSON.stringify({ device: jti }))
    const written: Record<ReturnType<typeof formOf>, readonly [key: string, value: string]> = {
      plain: [`jti/${jti}`, '3600'],
      issuer: [`${ofIssuer}/token/${jti}`, '{}'],
      claims: [`${ofIssuer}/claims/${device}`, JSON.stringify({ revokedBefore: Date.now() + MINUTE })],
    }
    if (await writer.put(...written[formOf(jti)])) ledger.acknowledged(jti, performance.now())
  }

  /** The body of `POST /revocations`. A rule is refused by a gateway whose clock is behind; one whose clock was set has none. */
  #body(jti: string, site: Site): object {
    const iss = this.#world.upstream.origin
    const form = site.clock === undefined ? formOf(jti) : 'plain'
    return { plain: { jti }, issuer: { jti, iss }, claims: { claims: { device: jti }, iss } }[form]
  }

  async #ask({ jti, jwt }: Token, way: '/revoke' | 'POST /revocations', site: Site): Promise<void> {
    const { ledger } = this.#world
    const { name, incarnation: life, ports } = site.gateway
    if (ports === undefined) return
    const status = await (way === '/revoke'
      ? postRevoke(ports.https, jwt)
      : postRevocation(ports.admin, this.#body(jti, site)))
    const now = performance.now()
    ledger.timeline.note(now, `${name} answered ${status ?? 'nothing'}`, jti)
    if (status === undefined || status === 503) return
    if (status >= 200 && status < 300) ledger.told(name, life, jti, now)
    else ledger.violated(`${name} answered ${status} to ${way}`, now, jti)
  }

  /** Its exit status says that the store and the topic have it. */
  async #command({ jti, jwt }: Token, site: Site): Promise<void> {
    const program = join(process.cwd(), 'bin/mgw.js')
    const child = spawn(process.execPath, [program, 'revoke', '-', '-c', site.configFile], {
      env: { ...process.env, NODE_OPTIONS: '' },
      stdio: ['pipe', 'ignore', 'ignore'],
      timeout: COMMAND_LIMIT,
      killSignal: 'SIGKILL',
    })
    child.stdin.on('error', () => undefined).end(jwt)
    const [status] = await once(child, 'exit')
    const { ledger } = this.#world
    ledger.timeline.note(performance.now(), `mgw revoke ended with ${String(status)}`, jti)
    if (status === 0) ledger.acknowledged(jti, performance.now())
  }
}

const MINUTE = 60_000

/** A third of what etcd and operators say each is of a token, of a token of its issuer's, and of a claim. */
function formOf(jti: string): 'plain' | 'issuer' | 'claims' {
  return (['plain', 'issuer', 'claims'] as const)[Number.parseInt(jti.slice(0, 4), 16) % 3] ?? 'plain'
}

/** Resolves to the status, or to `undefined` where there was no answer. */
export function postRevocation(port: number, body: object): Promise<number | undefined> {
  const text = JSON.stringify(body)
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' }
  return post(requestHttp({ ...target(port), path: '/revocations', headers }), text)
}

function postRevoke(port: number, jwt: string): Promise<number | undefined> {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const options = { ...target(port), path: '/revoke', headers, rejectUnauthorized: false, agent: false }
  return post(requestHttps(options), new URLSearchParams({ token: jwt }).toString())
}

function target(port: number) {
  return { port, host: '127.0.0.1', method: 'POST' }
}

function post(req: ReturnType<typeof requestHttp>, body: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const limit = setTimeout(() => req.destroy(), ANSWER_LIMIT)
    req.on('response', (res) => {
      res.on('error', () => resolve(undefined))
      res.on('end', () => resolve(res.statusCode))
      res.resume()
    })
    req.on('error', () => resolve(undefined))
    req.on('close', () => {
      clearTimeout(limit)
      resolve(undefined)
    })
    req.end(body)
  })
}
