import { setMaxListeners } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { type FaultKind, type PlannedFault, parts, planFaults } from './faults.js'
import type { Token } from './issuer.js'
import type { Way } from './ledger.js'
import { Load } from './load.js'
import { Random } from './random.js'
import { Teardowns } from './teardowns.js'
import { inflict, openWorld, type World, type WorldOptions } from './world.js'

export interface ChaosOptions extends WorldOptions {
  readonly seed: number
  /** These faults, in this order, instead of drawn ones. */
  readonly faults?: readonly FaultKind[]
  /** Whether, at the end, both gateways start again while no source can be reached. Default true. */
  readonly finale?: boolean
  /** Revocations at least. Default 200. */
  readonly revocations?: number
  /** Told what happens. */
  readonly print?: (line: string) => void
}

export interface Outcome {
  readonly seed: number
  readonly faults: number
  readonly revocations: { readonly all: number; readonly broker: number; readonly etcd: number; readonly both: number }
  /** Those that etcd has acknowledged, or has. */
  readonly durable: number
  /** By gateway: revocations that it enforces at the end. */
  readonly enforced: readonly number[]
  readonly requests: number
  /** Milliseconds from the last recovery until everything durable was enforced everywhere. */
  readonly settledAfter: number | undefined
  readonly violations: readonly string[]
  /** The gateways' logs. */
  readonly logs: readonly string[]
}

/** Everything durable is enforced so many milliseconds after the last recovery, or something was lost. */
export const SETTLED_WITHIN = 6_000
const CLIENTS = 3
const READY_LIMIT = 20_000
/** Used before they are revoked, as a queue of this length. */
const UPCOMING = 12
const POLL = 25
/** How long a fault may wait for what makes it worth while. */
const STAKE_LIMIT = 5_000

/**
 * One run: everything is started, ill-treated, checked and ended, which `t` may do before its time.
 * Rejects only when it could not be set up.
 */
export async function runChaos(options: ChaosOptions, t = new Teardowns()): Promise<Outcome> {
  const stop = new AbortController()
  setMaxListeners(0, stop.signal) // each request under way has one
  try {
    const world = await openWorld(t, options)
    const run = new Run(world, options, stop.signal)
    t.teardown(async () => {
      stop.abort()
      await run.ended()
    })
    return await run.toTheEnd()
  } finally {
    await t.end()
  }
}

class Run {
  readonly #world: World
  readonly #options: ChaosOptions
  readonly #signal: AbortSignal
  readonly #random: Random
  readonly #loads: readonly Load[]
  readonly #revoked: Token[] = []
  readonly #upcoming: Token[] = []
  readonly #puts: Promise<unknown>[] = []
  #clients: Promise<unknown> = Promise.resolve()
  #faults = 0

  constructor(world: World, options: ChaosOptions, signal: AbortSignal) {
    this.#world = world
    this.#options = options
    this.#signal = signal
    this.#random = new Random(options.seed)
    this.#loads = world.sites.map(({ gateway }) => new Load(gateway, world.ledger))
  }

  async toTheEnd(): Promise<Outcome> {
    const { sites, ledger } = this.#world
    const plan = planFaults(new Random(this.#random.between(0, 2 ** 31)), sites.length, this.#options.faults)
    this.#startClients()
    if (!(await this.#knownBy(READY_LIMIT))) throw new Error('the gateways did not come to know their lists')
    const faults = new AbortController()
    const publishing = this.#publish(faults.signal)
    await this.#inflictAll(plan)
    faults.abort()
    await publishing
    const settledAfter = await this.#settle()
    if (this.#options.finale !== false) await this.#restartAlone()
    const { all, durable, ...ways } = ledger.counts
    return {
      seed: this.#options.seed,
      faults: this.#faults,
      revocations: { all, ...ways },
      durable,
      enforced: sites.map(({ gateway }) => ledger.enforced(gateway.name, performance.now()).length),
      requests: this.#loads.reduce((sum, load) => sum + load.requests, 0),
      settledAfter,
      violations: ledger.violations,
      logs: sites.map(({ gateway }) => gateway.log),
    }
  }

  async ended(): Promise<void> {
    await this.#clients
    for (const load of this.#loads) load.close()
  }

  #startClients(): void {
    const tokens = { controls: this.#world.controls, revoked: this.#revoked, upcoming: () => this.#upcoming }
    this.#clients = Promise.all(
      this.#loads.flatMap((load, at) =>
        Array.from({ length: CLIENTS }, (_, client) =>
          load.run(tokens, new Random(this.#options.seed + at * CLIENTS + client), this.#signal),
        ),
      ),
    )
  }

  /** Publishes until the faults are over, and there are enough. */
  async #publish(faultsOver: AbortSignal): Promise<void> {
    const random = new Random(this.#random.between(0, 2 ** 31))
    const enough = this.#options.revocations ?? 200
    while (!faultsOver.aborted || this.#revoked.length < enough) {
      while (this.#upcoming.length < UPCOMING) this.#upcoming.push(await this.#world.issuer.token())
      const token = this.#upcoming.shift()
      if (token !== undefined) this.#revoke(token, random.pick<Way>(['broker', 'broker', 'etcd', 'etcd', 'both']))
      await setTimeout(random.between(5, 60))
    }
    await Promise.all(this.#puts)
  }

  #revoke(token: Token, way: Way): void {
    const { ledger, broker, writer } = this.#world
    ledger.published(token.jti, way)
    this.#revoked.push(token)
    if (way !== 'etcd') broker.publish(token.jti)
    if (way === 'broker') return
    const put = writer.put(`jti/${token.jti}`, '3600').then((acknowledged) => {
      if (acknowledged) ledger.acknowledged(token.jti)
    })
    this.#puts.push(put)
  }

  /** Begins one fault after another; those of different targets overlap. Resolves when all are over. */
  async #inflictAll(plan: readonly PlannedFault[]): Promise<void> {
    const busy = new Map<string, Promise<void>>()
    for (const fault of plan) {
      await setTimeout(fault.gap)
      for (const part of parts(fault)) await busy.get(part)
      const over = this.#inflict(fault)
      for (const part of parts(fault)) busy.set(part, over)
    }
    await Promise.all(busy.values())
  }

  async #inflict({ kind, gateway, duration, compact }: PlannedFault): Promise<void> {
    const { writer, sites, ledger } = this.#world
    const name = sites[gateway]?.gateway.name ?? ''
    // A fault with nothing at stake shows nothing: on a slow machine it waits for that.
    if (kind === 'gateway killed')
      await within(STAKE_LIMIT, () => ledger.enforcesWhatNoStoreHas(name, performance.now()))
    this.#faults++
    this.#options.print?.(`${kind}${kind.startsWith('gateway') ? ` (${name})` : ''} for ${duration} ms`)
    const before = ledger.onlyInEtcd
    const recover = await inflict(this.#world, kind, gateway)
    await setTimeout(duration)
    if (kind === 'etcd cut' || kind === 'etcd hole') await within(STAKE_LIMIT, () => ledger.onlyInEtcd > before)
    if (compact && (await writer.compact())) this.#options.print?.('etcd compacted')
    await recover()
  }

  /** Resolves to how long it took until all that is durable was enforced by all; then asks for each once more. */
  async #settle(): Promise<number | undefined> {
    const { sites, ledger, writer } = this.#world
    const begin = performance.now()
    // A write whose answer was lost is durable all the same.
    for (const token of await writer.held('jti/')) ledger.acknowledged(token)
    const open = () =>
      sites.some(({ gateway }) => !ledger.known(gateway.name) || ledger.missing(gateway.name).length > 0)
    const closed = await within(SETTLED_WITHIN, async () => {
      await Promise.all(this.#loads.map((load, at) => load.refused(this.#open(at), this.#signal)))
      return !open()
    })
    const settledAfter = closed ? Math.round(performance.now() - begin) : undefined
    for (const { gateway } of sites) {
      if (!ledger.known(gateway.name)) ledger.violated(`${gateway.name} does not know its list in time`)
      for (const token of ledger.missing(gateway.name)) {
        ledger.violated(`${gateway.name} does not refuse ${ledger.describe(token)} in time`)
      }
    }
    await this.#askForAll()
    return settledAfter
  }

  /** What the ledger still waits for at a gateway, and a control. */
  #open(at: number): Token[] {
    const missing = new Set(this.#world.ledger.missing(this.#world.sites[at]?.gateway.name ?? ''))
    return [...this.#revoked.filter(({ jti }) => missing.has(jti)), ...this.#world.controls]
  }

  /** Both gateways are killed and start again with no source in reach: what they enforced is in their journals. */
  async #restartAlone(): Promise<void> {
    const { sites, broker, etcd, ledger } = this.#world
    this.#options.print?.('everything killed; the gateways start alone')
    await setTimeout(100) // what was refused last counts, too
    this.#faults++
    await Promise.all([broker.kill(), etcd.kill(), ...sites.map(({ gateway }) => gateway.kill())])
    await Promise.all(sites.map(({ gateway }) => gateway.start()))
    if (!(await this.#knownBy(SETTLED_WITHIN))) ledger.violated('a gateway that starts alone does not know its list')
    await this.#askForAll()
  }

  /** Every revoked token once, at every gateway: the ledger says what of it is wrong. */
  async #askForAll(): Promise<void> {
    const { sites, ledger } = this.#world
    await Promise.all(
      this.#loads.map(async (load, at) => {
        const name = sites[at]?.gateway.name ?? ''
        const enforced = new Set(ledger.enforced(name, performance.now()))
        const refused = await load.refused(this.#revoked, this.#signal)
        for (const token of enforced) {
          if (!refused.has(token)) ledger.violated(`${name} does not refuse ${ledger.describe(token)} any more`)
        }
      }),
    )
  }

  #knownBy(limit: number): Promise<boolean> {
    const { sites, ledger } = this.#world
    return within(limit, () => sites.every(({ gateway }) => ledger.known(gateway.name)))
  }
}

/** Whether it came true in that many milliseconds. */
async function within(limit: number, isTrue: () => boolean | Promise<boolean>): Promise<boolean> {
  const begin = performance.now()
  while (!(await isTrue())) {
    if (performance.now() - begin >= limit) return false
    await setTimeout(POLL)
  }
  return true
}
