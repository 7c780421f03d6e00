/** A refusal that is so old (ms) must survive whatever happens to the gateway: it is in the journal by then. */
export const ENFORCED_AFTER = 50

export type Way = 'broker' | 'etcd' | 'both'

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

interface Published {
  readonly way: Way
  /** etcd has acknowledged it, or was seen to have it. */
  durable: boolean
}

class Gateway {
  life = 0
  /** Neither killed nor frozen. */
  up = false
  /** When a control token first passed in this life: the list is known. */
  knownAt = Number.POSITIVE_INFINITY
  frozenAt = Number.POSITIVE_INFINITY
  /** When something was last done to it. */
  disturbedAt = 0
  readonly refusedAt = new Map<string, number>()
}

/**
 * What was published and what the gateways answered, and whether the two agree. Knows no clock, no process and no
 * network. Anything that must never be is a violation; what may still come is {@link Ledger.missing}.
 */
export class Ledger {
  readonly violations: string[] = []
  readonly #published = new Map<string, Published>()
  readonly #controls: ReadonlySet<string>
  readonly #gateways: ReadonlyMap<string, Gateway>
  /** Answers by status, for the report. */
  readonly answers = new Map<number, number>()

  constructor(gateways: readonly string[], controls: readonly string[]) {
    this.#gateways = new Map(gateways.map((name) => [name, new Gateway()]))
    this.#controls = new Set(controls)
  }

  violated(what: string): void {
    this.violations.push(what)
  }

  /** To be called before the revocation leaves. */
  published(token: string, way: Way): void {
    this.#published.set(token, { way, durable: false })
  }

  /** etcd has it. */
  acknowledged(token: string): void {
    const entry = this.#published.get(token)
    if (entry !== undefined) entry.durable = true
  }

  started(name: string, now: number): void {
    const gateway = this.#of(name)
    gateway.life++
    gateway.up = true
    gateway.knownAt = Number.POSITIVE_INFINITY
    gateway.disturbedAt = now
  }

  killed(name: string, now: number): void {
    const gateway = this.#of(name)
    gateway.up = false
    gateway.disturbedAt = now
    forgetSince(gateway, now - ENFORCED_AFTER)
  }

  frozen(name: string, now: number): void {
    const gateway = this.#of(name)
    gateway.up = false
    gateway.disturbedAt = now
    gateway.frozenAt = now
  }

  /** A frozen gateway writes nothing: what it refused just before counts anew from its next refusal on. */
  thawed(name: string, now: number): void {
    const gateway = this.#of(name)
    gateway.up = true
    gateway.disturbedAt = now
    forgetSince(gateway, gateway.frozenAt - ENFORCED_AFTER)
    gateway.frozenAt = Number.POSITIVE_INFINITY
  }

  /** Whether a gateway has the right not to answer a request that was sent then. */
  excused(name: string, life: number, sentAt: number): boolean {
    const gateway = this.#of(name)
    return !gateway.up || gateway.life !== life || gateway.disturbedAt >= sentAt
  }

  answered(answer: Answer): void {
    this.answers.set(answer.status, (this.answers.get(answer.status) ?? 0) + 1)
    if (![200, 401, 503].includes(answer.status)) this.violated(`${answer.gateway} answered ${answer.status}`)
    else if (this.#controls.has(answer.token)) this.#control(answer)
    else this.#revocable(answer)
  }

  /** What etcd holds and this gateway does not refuse (yet). */
  missing(name: string): string[] {
    const { refusedAt } = this.#of(name)
    return [...this.#published].flatMap(([token, { durable }]) => (durable && !refusedAt.has(token) ? [token] : []))
  }

  /** Whether a control token has passed at this gateway since its last start. */
  known(name: string): boolean {
    return Number.isFinite(this.#of(name).knownAt)
  }

  /** What this gateway must refuse from now on, whatever happens to it. */
  enforced(name: string, now: number): string[] {
    return [...this.#of(name).refusedAt].flatMap(([token, at]) => (at + ENFORCED_AFTER <= now ? [token] : []))
  }

  /** Whether this gateway enforces something that it can have learnt from the topic only. */
  enforcesWhatNoStoreHas(name: string, now: number): boolean {
    return this.enforced(name, now).some((token) => this.#published.get(token)?.way === 'broker')
  }

  /** How many revocations etcd has that were never on the topic. */
  get onlyInEtcd(): number {
    return [...this.#published.values()].filter(({ way, durable }) => durable && way === 'etcd').length
  }

  get counts() {
    const ways = { broker: 0, etcd: 0, both: 0 }
    let durable = 0
    for (const entry of this.#published.values()) {
      ways[entry.way]++
      if (entry.durable) durable++
    }
    return { ...ways, all: this.#published.size, durable }
  }

  describe(token: string): string {
    return `${token} (published to ${this.#published.get(token)?.way ?? 'nobody'})`
  }

  #control({ gateway: name, life, status, sentAt, at }: Answer): void {
    const gateway = this.#of(name)
    if (status === 401) this.violated(`${name} refused a control token`)
    if (life !== gateway.life) return
    if (status === 200) gateway.knownAt = Math.min(gateway.knownAt, at)
    else if (status === 503 && sentAt > gateway.knownAt) {
      this.violated(`${name} answered 503 after its list was known`)
    }
  }

  #revocable({ gateway: name, life, token, status, sentAt, at }: Answer): void {
    const gateway = this.#of(name)
    const refusedAt = gateway.refusedAt.get(token)
    if (status === 401 && !this.#published.has(token)) this.violated(`${name} refused a token that nobody revoked`)
    else if (status === 401 && refusedAt === undefined && life === gateway.life && gateway.up) {
      gateway.refusedAt.set(token, at)
    } else if (status === 200 && refusedAt !== undefined && sentAt >= refusedAt + ENFORCED_AFTER) {
      const after = Math.round(sentAt - refusedAt)
      this.violated(`${name} let ${this.describe(token)} pass ${after} ms after it had refused it (life ${life})`)
      gateway.refusedAt.delete(token) // said once is enough
    }
  }

  #of(name: string): Gateway {
    const gateway = this.#gateways.get(name)
    if (gateway === undefined) throw new Error(`there is no gateway ${name}`)
    return gateway
  }
}

function forgetSince(gateway: Gateway, since: number): void {
  for (const [token, at] of gateway.refusedAt) if (at > since) gateway.refusedAt.delete(token)
}
