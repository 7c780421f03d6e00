import { ENDS_WITHIN, ENFORCED_AFTER, GatewayRecord } from './gateway-record.js'
import { Timeline } from './timeline.js'

/** How a revocation enters. The last three go through one gateway, or its configuration. */
export const WAYS = ['broker', 'etcd', 'both', '/revoke', 'POST /revocations', 'mgw revoke'] as const
export type Way = (typeof WAYS)[number]

/** A request's answer, as its client saw it. Times are `performance.now()`. */
export interface Answer {
  readonly gateway: string
  /** Which start of the gateway it was sent to. */
  readonly life: number
  readonly token: string
  readonly status: number
  readonly sentAt: number
  readonly at: number
}

/** Something that came through an open stream or WebSocket. */
export interface Piece {
  readonly gateway: string
  readonly life: number
  readonly token: string
  readonly kind: 'stream' | 'WebSocket'
  /** When the upstream wrote it. */
  readonly writtenAt: number
}

export interface Violation {
  readonly what: string
  /** The token's way, and what was done around it. */
  readonly timeline: readonly string[]
}

/**
 * What was revoked and what the gateways answered, and whether the two agree. Knows no clock, no process and no
 * network. Anything that must never be is a violation; what may still come is {@link Ledger.missing}.
 */
export class Ledger {
  readonly violations: Violation[] = []
  readonly timeline = new Timeline()
  readonly #ways = new Map<string, Way>()
  /** When etcd had acknowledged it, or was seen to have it. */
  readonly #durable = new Map<string, number>()
  readonly #controls: ReadonlySet<string>
  readonly #gateways: ReadonlyMap<string, GatewayRecord>
  readonly #said = new Set<string>()
  /** Pieces of streams and WebSockets. */
  pieces = 0

  /** @param grace milliseconds that a gateway gives its sources before it believes its journal */
  constructor(gateways: readonly string[], controls: readonly string[], grace: number) {
    this.#gateways = new Map(gateways.map((name) => [name, new GatewayRecord(name, this.timeline, grace)]))
    this.#controls = new Set(controls)
  }

  of(name: string): GatewayRecord {
    const gateway = this.#gateways.get(name)
    if (gateway === undefined) throw new Error(`there is no gateway ${name}`)
    return gateway
  }

  /** Of one kind and token, the first is enough. */
  violated(what: string, at: number, token?: string): void {
    const kind = `${token} ${what.replaceAll(/\d+/g, '#')}`
    if (this.#said.has(kind)) return
    this.#said.add(kind)
    this.timeline.note(at, `VIOLATION: ${what}`, token)
    this.violations.push({ what, timeline: this.timeline.of(token, at) })
  }

  /** To be called before the revocation leaves. */
  published(token: string, way: Way, now: number, to?: string): void {
    this.#ways.set(token, way)
    this.timeline.note(now, `revoked by ${way}${to === undefined ? '' : ` at ${to}`}`, token)
  }

  /** etcd has it. */
  acknowledged(token: string, now: number): void {
    if (!this.#ways.has(token) || this.#durable.has(token)) return
    this.#durable.set(token, now)
    this.timeline.note(now, 'etcd has it', token)
  }

  isDurable(token: string): boolean {
    return this.#durable.has(token)
  }

  /** The broker sent it, not before `publishedAt`, to a gateway that was subscribed, and says so now. */
  delivered(name: string, token: string, publishedAt: number, now: number): void {
    const gateway = this.of(name)
    if (!gateway.hearsTopicSince(publishedAt)) return
    gateway.delivered.set(token, now)
    gateway.note(now, 'had it delivered by the broker', token)
  }

  /** A gateway said that it is revoked: 2xx of /revoke, 204 of POST /revocations. */
  told(name: string, life: number, token: string, now: number): void {
    const gateway = this.of(name)
    gateway.note(now, 'said "revoked"', token)
    // What a process says that drains is in its journal, or the store: the next one may not have it yet.
    if (life === gateway.life) gateway.told.set(token, now)
  }

  answered({ gateway: name, life, token, status, sentAt, at }: Answer): void {
    const gateway = this.of(name)
    if (status === 200) this.#passed(gateway, life, token, sentAt, at)
    else if (status === 401) this.#refused(gateway, life, token, at)
    else if (status !== 503) this.violated(`${name} answered ${status}`, at, token)
    else if (this.#controls.has(token) && !gateway.mayBeIgnorant(life, sentAt)) {
      this.violated(`${name} answered 503 after its list was known`, at, token)
    }
  }

  /** Something came through a stream that was open before: it must not, long after its token had to be refused. */
  streamed({ gateway: name, life, token, kind, writtenAt }: Piece): void {
    const gateway = this.of(name)
    this.pieces++
    const what = `${name} passed on a ${kind} of ${this.describe(token)}`
    const never = gateway.mustNotServe(life, writtenAt)
    if (never !== undefined) this.violated(`${what}: ${never}`, writtenAt, token)
    // What an ended process passed on before its connections broke, or one that stood still had received, is late only.
    if (life !== gateway.life || gateway.stoodStill(writtenAt)) return
    const why = gateway.mustRefuse(token, life, writtenAt - ENDS_WITHIN, this.#durable.get(token))
    if (why !== undefined) this.violated(`${what}: ${why}`, writtenAt, token)
  }

  /** What this gateway does not refuse (yet) and must come to: what etcd holds, the broker delivered, or it promised. */
  missing(name: string): string[] {
    const { refused, delivered, told } = this.of(name)
    const due = new Set([...this.#durable.keys(), ...delivered.keys(), ...told.keys()])
    return [...due].filter((token) => !refused.has(token))
  }

  /** What gateways have promised and etcd was not seen to have. */
  get notInEtcd(): string[] {
    const told = new Set([...this.#gateways.values()].flatMap((gateway) => [...gateway.told.keys()]))
    return [...told].filter((token) => !this.#durable.has(token))
  }

  /** What this gateway must refuse from now on, whatever happens to it. */
  enforced(name: string, now: number): string[] {
    const { refused, toldForGood } = this.of(name)
    const old = [...refused].flatMap(([token, at]) => (at + ENFORCED_AFTER <= now ? [token] : []))
    return [...new Set([...old, ...toldForGood])]
  }

  /** Whether this gateway enforces something that it can have learnt from the topic only. */
  enforcesWhatNoStoreHas(name: string, now: number): boolean {
    return this.enforced(name, now).some((token) => this.#ways.get(token) === 'broker')
  }

  /** How many revocations etcd has that were never on the topic. */
  get onlyInEtcd(): number {
    return [...this.#durable.keys()].filter((token) => this.#ways.get(token) === 'etcd').length
  }

  get counts() {
    const ways = Object.fromEntries(WAYS.map((way) => [way, 0])) as Record<Way, number>
    for (const way of this.#ways.values()) ways[way]++
    const told = [...this.#gateways.values()].reduce((sum, gateway) => sum + gateway.told.size, 0)
    return { all: this.#ways.size, ways, durable: this.#durable.size, told }
  }

  describe(token: string): string {
    if (this.#controls.has(token)) return 'a control token'
    return `${token} (revoked by ${this.#ways.get(token) ?? 'nobody'})`
  }

  #passed(gateway: GatewayRecord, life: number, token: string, sentAt: number, at: number): void {
    const what = `${gateway.name} let ${this.describe(token)} pass in life ${life}`
    const never = gateway.mustNotServe(life, sentAt)
    if (never !== undefined) this.violated(`${what}: ${never}`, at, token)
    if (gateway.couldNotKnow(life, at)) this.violated(`${what}: it could not know its list yet`, at, token)
    const why = gateway.mustRefuse(token, life, sentAt, this.#durable.get(token))
    if (why !== undefined) this.violated(`${what}: ${why}`, at, token)
    if (this.#controls.has(token) && life === gateway.life) gateway.passedControl(at)
  }

  #refused(gateway: GatewayRecord, life: number, token: string, at: number): void {
    if (this.#controls.has(token)) this.violated(`${gateway.name} refused a control token`, at, token)
    else if (!this.#ways.has(token)) this.violated(`${gateway.name} refused a token that nobody revoked`, at, token)
    else if (life === gateway.life && gateway.up && !gateway.refused.has(token)) {
      gateway.refused.set(token, at)
      gateway.note(at, `refuses it (life ${life})`, token)
    }
  }
}
