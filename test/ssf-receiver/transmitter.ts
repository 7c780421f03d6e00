import { randomUUID } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Json, newSet, newSigningKey, type SigningKey } from './signing.js'

const SSF = 'https://schemas.openid.net/secevent/ssf/event-type/'

/** How a transmitter misbehaves. Each can be changed at any time. */
export interface Behaviour {
  /** Says `moreAvailable` in every answer. */
  alwaysMore: boolean
  /** Sends all that waits, whatever `maxEvents` says. */
  ignoresMaxEvents: boolean
  /** Forgets acknowledgements and errors: the same SETs come again. */
  losesAcks: boolean
  /** Answers so many polls with 401. */
  unauthorized: number
  /** Cuts the connection in place of an answer to a poll, once it has taken what was acknowledged. */
  cuts: boolean
  /** Sends no verification event, or one with another state. */
  verification: 'sent' | 'none' | 'wrong'
  /** Bytes that an answer has for each SET beside it. */
  padding: number
  /** The `issuer` in its metadata. */
  metadataIssuer: string | undefined
  /** Says that its streams start without subjects. */
  startsEmpty: boolean
  /** Delivers none of these events. */
  undelivered: readonly string[]
  /** Answers 503 for its keys. */
  hidesKeys: boolean
  /** Answers 503 to everything. */
  down: boolean
}

/** A stream as a receiver has set it up. */
export interface StreamSettings {
  id: string
  description: string
  delivery: { method: string; endpoint_url: string; authorization_header?: string }
  events_requested: string[]
  status: 'enabled' | 'paused' | 'disabled'
}

export interface TransmitterOptions {
  readonly port?: number
  readonly path?: string
  readonly clientId?: string
  readonly clientSecret?: string
  /** Seconds between verification events. */
  readonly minVerificationInterval?: number
}

const MAX_BODY = 1_048_576
/** Shared: to make one takes longer than most tests. */
const KEY = newSigningKey()

/**
 * A small transmitter of the Shared Signals Framework for one receiver: discovery, client credentials, one stream, its status, polling
 * (RFC 8936), pushing (RFC 8935) and verification events. It is as bad as it is told to be.
 */
export class Transmitter extends EventEmitter {
  readonly behaviour: Behaviour = {
    alwaysMore: false,
    ignoresMaxEvents: false,
    losesAcks: false,
    unauthorized: 0,
    cuts: false,
    verification: 'sent',
    padding: 0,
    metadataIssuer: undefined,
    startsEmpty: false,
    undelivered: [],
    hidesKeys: false,
    down: false,
  }
  readonly issuer: string
  readonly origin: string
  readonly audience = `receiver/${randomUUID()}`
  readonly keys: SigningKey[] = [KEY]
  /** SETs that wait to be polled, by `jti`. */
  readonly waiting = new Map<string, string>()
  readonly acknowledged = new Set<string>()
  readonly refused = new Map<string, { err?: string; description?: string }>()
  /** How often it was asked for what. */
  readonly counts = { metadata: 0, keys: 0, tokens: 0, polls: 0, verifications: 0, created: 0, enabled: 0 }
  stream: StreamSettings | undefined
  readonly #server: Server
  readonly #options: Required<Omit<TransmitterOptions, 'port' | 'path'>>
  #token = randomUUID()

  private constructor(server: Server, { path = '/realms/test', ...options }: TransmitterOptions) {
    super()
    this.#server = server
    this.#options = { clientId: 'gateway', clientSecret: 'secret', minVerificationInterval: 0, ...options }
    this.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    this.issuer = this.origin + path
  }

  static async start(options: TransmitterOptions = {}): Promise<Transmitter> {
    const server = createServer()
    server.listen(options.port ?? 0, '127.0.0.1')
    await once(server, 'listening')
    const transmitter = new Transmitter(server, options)
    server.on('request', (req, res) => {
      transmitter.#answer(req).then(
        (answer) => {
          if (answer === 'cut') return void res.destroy()
          const body = answer.body === undefined ? '' : JSON.stringify(answer.body)
          res.writeHead(answer.status, { 'content-type': 'application/json' }).end(body)
          if (body.startsWith('{"sets":{"')) transmitter.emit('delivered')
        },
        (error) => res.writeHead(500).end(String(error)),
      )
    })
    return transmitter
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  /** The access token that it takes from now on is another. */
  renewToken(): void {
    this.#token = randomUUID()
  }

  /** Puts a SET into the stream; resolves to its `jti`. */
  send(claims: Json, jti: string = randomUUID()): string {
    const [key] = this.keys
    if (key === undefined) throw new Error('no key')
    this.sendRaw(jti, newSet({ issuer: this.issuer, audience: this.audience, key }, { jti, ...claims }))
    return jti
  }

  /** The same with any text for a SET. */
  sendRaw(jti: string, set: string): void {
    const delivery = this.stream?.delivery
    if (delivery?.method !== 'urn:ietf:rfc:8935') this.waiting.set(jti, set)
    // A receiver that is away is its own concern.
    else this.push(set).catch(() => undefined)
  }

  /** Pushes a SET to the stream's endpoint, as it is. */
  async push(set: string): Promise<{ status: number; body: string }> {
    const { endpoint_url: url = '', authorization_header: authorization = '' } = this.stream?.delivery ?? {}
    const headers = { 'content-type': 'application/secevent+jwt', accept: 'application/json', authorization }
    const answer = await fetch(url, { method: 'POST', headers, body: set })
    return { status: answer.status, body: await answer.text() }
  }

  /** Changes the stream's status by itself, and says so. */
  update(status: StreamSettings['status']): string {
    if (this.stream === undefined) throw new Error('no stream')
    this.stream.status = status
    return this.send({ sub_id: this.#subject(), events: { [`${SSF}stream-updated`]: { status } } })
  }

  /** Resolves to true as soon as `is` is true, which is asked after each request, and to false after `patience` ms. */
  async until(is: () => boolean, patience = 30_000): Promise<boolean> {
    const signal = AbortSignal.timeout(patience)
    try {
      while (!is()) await once(this, 'request', { signal })
      return true
    } catch {
      return false
    }
  }

  async #answer(req: IncomingMessage): Promise<{ status: number; body?: unknown } | 'cut'> {
    const body = await bodyOf(req)
    try {
      return this.behaviour.down ? { status: 503 } : this.#route(req, body)
    } finally {
      setImmediate(() => this.emit('request'))
    }
  }

  #route(req: IncomingMessage, body: string): { status: number; body?: unknown } | 'cut' {
    const { pathname } = new URL(req.url ?? '/', this.origin)
    const path = new URL(this.issuer).pathname
    if (pathname === `/.well-known/ssf-configuration${path}`) return this.#metadata()
    if (pathname === `${path}/keys`) {
      this.counts.keys++
      if (this.behaviour.hidesKeys) return { status: 503 }
      return { status: 200, body: { keys: this.keys.map(({ jwk }) => jwk) } }
    }
    if (pathname === `${path}/token`) return this.#issueToken(req, body)
    if (pathname === `${path}/poll` && this.behaviour.unauthorized > 0) {
      this.behaviour.unauthorized--
      return { status: 401 }
    }
    if (req.headers.authorization !== `Bearer ${this.#token}`) return { status: 401 }
    const given = body === '' ? {} : (JSON.parse(body) as Json)
    if (pathname === `${path}/streams`) return this.#streams(req.method, given)
    if (pathname === `${path}/status`) return this.#status(req.method, given)
    if (pathname === `${path}/verify`) return this.#verify(given)
    return pathname === `${path}/poll` ? this.#poll(given) : { status: 404 }
  }

  #metadata() {
    this.counts.metadata++
    const { issuer } = this
    const body = {
      spec_version: '1_0',
      issuer: this.behaviour.metadataIssuer ?? issuer,
      jwks_uri: `${issuer}/keys`,
      delivery_methods_supported: ['urn:ietf:rfc:8935', 'urn:ietf:rfc:8936'],
      configuration_endpoint: `${issuer}/streams`,
      status_endpoint: `${issuer}/status`,
      verification_endpoint: `${issuer}/verify`,
      default_subjects: this.behaviour.startsEmpty ? 'NONE' : 'ALL',
    }
    return { status: 200, body }
  }

  #issueToken(req: IncomingMessage, body: string) {
    this.counts.tokens++
    const { clientId, clientSecret } = this.#options
    const basic = `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`
    const isClient = req.headers.authorization === basic
    if (!isClient || new URLSearchParams(body).get('grant_type') !== 'client_credentials') return { status: 401 }
    return { status: 200, body: { access_token: this.#token, token_type: 'Bearer', expires_in: 300 } }
  }

  #streams(method: string | undefined, given: Json) {
    if (method === 'GET') return { status: 200, body: this.stream === undefined ? [] : [this.#described()] }
    if (method === 'POST' && this.stream !== undefined) return { status: 409 }
    const delivery = given.delivery as StreamSettings['delivery']
    const isPoll = delivery.method === 'urn:ietf:rfc:8936'
    if (method === 'POST') this.counts.created++
    this.stream = {
      id: this.stream?.id ?? randomUUID(),
      description: String(given.description),
      delivery: isPoll ? { ...delivery, endpoint_url: `${this.issuer}/poll` } : delivery,
      events_requested: given.events_requested as string[],
      status: this.stream?.status ?? 'enabled',
    }
    return { status: method === 'POST' ? 201 : 200, body: this.#described() }
  }

  #described() {
    const { id = '', delivery, description, events_requested } = this.stream ?? {}
    return {
      stream_id: id,
      iss: this.issuer,
      aud: [this.audience],
      delivery: { ...delivery, authorization_header: undefined },
      description,
      events_requested,
      events_delivered: events_requested?.filter((event) => !this.behaviour.undelivered.includes(event)),
      min_verification_interval: this.#options.minVerificationInterval,
    }
  }

  #status(method: string | undefined, given: Json) {
    if (this.stream === undefined) return { status: 404 }
    if (method === 'POST') {
      this.counts.enabled++
      this.stream.status = given.status as StreamSettings['status']
    }
    return { status: 200, body: { stream_id: this.stream.id, status: this.stream.status } }
  }

  #verify({ state }: Json) {
    this.counts.verifications++
    const { verification } = this.behaviour
    if (verification === 'none') return { status: 204 }
    const told = verification === 'wrong' ? 'another' : state
    setImmediate(() => this.send({ sub_id: this.#subject(), events: { [`${SSF}verification`]: { state: told } } }))
    return { status: 204 }
  }

  #poll({ ack = [], setErrs = {}, maxEvents: most = 100 }: Json): { status: number; body?: unknown } | 'cut' {
    this.counts.polls++
    const { losesAcks, cuts, alwaysMore, ignoresMaxEvents, padding } = this.behaviour
    const maxEvents = ignoresMaxEvents ? this.waiting.size : Number(most)
    for (const jti of ack as string[]) this.acknowledged.add(jti)
    for (const [jti, error] of Object.entries(setErrs as Json)) this.refused.set(jti, error as { err?: string })
    if (!losesAcks) for (const jti of [...(ack as string[]), ...Object.keys(setErrs as Json)]) this.waiting.delete(jti)
    if (cuts) return 'cut'
    const sets = Object.fromEntries([...this.waiting].slice(0, maxEvents))
    const more = this.waiting.size > maxEvents || alwaysMore
    return {
      status: 200,
      body: {
        sets,
        moreAvailable: more,
        ...(padding > 0 ? { padding: ' '.repeat(padding * Object.keys(sets).length) } : {}),
      },
    }
  }

  #subject(): Json {
    return { format: 'opaque', id: this.stream?.id }
  }
}

async function bodyOf(req: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of req as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > MAX_BODY) throw new Error('body too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
