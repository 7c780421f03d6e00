import { setMaxListeners } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { Clients } from './clients.js'
import { Entrances } from './entrances.js'
import { clockLibrary } from './false-clock.js'
import { type FaultKind, type PlannedFault, parts, planFaults } from './faults.js'
import { HEARD_WITHIN, LISTED_WITHIN } from './gateway-record.js'
import { inflict } from './inflict.js'
import { disksMissing } from './journal-directory.js'
import { type Violation, WAYS, type Way } from './ledger.js'
import { Random } from './random.js'
import { Teardowns } from './teardowns.js'
import type { Token } from './upstream.js'
import { GATEWAYS, openWorld, type World, type WorldOptions } from './world.js'

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
  /** Faults that this machine cannot have, and why. */
  readonly skipped: readonly string[]
  readonly revocations: World['ledger']['counts']
  /** By gateway: revocations that it enforces at the end. */
  readonly enforced: readonly number[]
  readonly requests: number
  /** Pieces that came through streams and WebSockets. */
  readonly pieces: number
  /** Milliseconds from the last recovery until everything due was enforced everywhere. */
  readonly settledAfter: number | undefined
  readonly violations: readonly Violation[]
  /** The gateways' logs. */
  readonly logs: readonly string[]
}

const READY_LIMIT = 60_000
/** A gateway that starts with no source in reach believes its journal within so many ms. */
const ALONE_WITHIN = 10_000
/** What a gateway has promised is in etcd so many ms after the last recovery. */
const WRITTEN_BACK_WITHIN = 20_000
/** Used before they are revoked, as a queue of this length. */
const UPCOMING = 12
/** Revoked when nothing is done to anybody any more: what is lost then was lost for no reason. */
const AFTERWARDS = 3
const POLL = 25
const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/
/** How long a fault may wait for what makes it worth while. */
const STAKE_LIMIT = 20_000
/** A command is a process: one run has a few. */
const COMMAND_ODDS = 1 / 60
const USUAL_WAYS = ['broker', 'broker', 'broker', 'etcd', 'etcd', 'both', '/revoke', 'POST /revocations'] as const

/**
 * One run: everything is started, ill-treated, checked and ended, which `t` may do before its time.
 * Rejects only when it could not be set up.
 */
export async function runChaos(options: ChaosOptions, t = new Teardowns()): Promise<Outcome> {
  const random = new Random(options.seed)
  const planned = planFaults(new Random(random.between(0, 2 ** 31)), GATEWAYS.length, options.faults)
  const skipped = planned.flatMap((fault) => missing(fault) ?? [])
  const plan = planned.filter((fault) => missing(fault) === undefined)
  const of = (target: string) => new Set(plan.flatMap(({ kind, gateway }) => (kind.startsWith(target) ? gateway : [])))
  const stop = new AbortController()
  setMaxListeners(0, stop.signal) // each request under way has one
  try {
    const world = await openWorld(t, options, { disk: of('disk'), clock: of('clock') })
    const run = new Run(world, options, random, stop.signal)
    t.teardown(async () => {
      stop.abort()
      await run.ended()
    })
    return { ...(await run.toTheEnd(plan)), skipped }
  } finally {
    await t.end()
  }
}

/** Why a fault cannot be had here. */
function missing({ kind }: PlannedFault): string | undefined {
  const why = kind.startsWith('disk')
    ? disksMissing()
    : kind.startsWith('clock') && clockLibrary() === undefined && 'libfaketime is not installed'
  return why === false ? undefined : `${kind}: ${why}`
}

class Run {
  readonly #world: World
  readonly #options: ChaosOptions
  readonly #random: Random
  readonly #clients: Clients
  readonly #entrances: Entrances
  readonly #revoked: Token[] = []
  readonly #upcoming: Token[] = []
  readonly #entering = new Set<Promise<unknown>>()
  #faults = 0

  constructor(world: World, options: ChaosOptions, random: Random, signal: AbortSignal) {
    this.#world = world
    this.#options = options
    this.#random = random
    this.#entrances = new Entrances(world)
    const tokens = { controls: world.controls, revoked: this.#revoked, upcoming: () => this.#upcoming }
    this.#clients = new Clients(world, tokens, options.seed, signal)
  }

  async toTheEnd(plan: readonly PlannedFault[]): Promise<Omit<Outcome, 'skipped'>> {
    const { sites, ledger } = this.#world
    this.#clients.start()
    // Nothing of etcd comes through at first: whoever serves now cannot know.
    await Promise.all(sites.map((site) => site.start(true)))
    if (!(await this.#knownBy(READY_LIMIT))) throw new Error('the gateways did not come to know their lists')
    const faults = new AbortController()
    const publishing = this.#publish(faults.signal)
    await this.#inflictAll(plan)
    faults.abort()
    await publishing
    const settledAfter = await this.#settle()
    if (this.#options.finale !== false) await this.#restartAlone()
    return {
      seed: this.#options.seed,
      faults: this.#faults,
      revocations: ledger.counts,
      enforced: sites.map(({ gateway }) => ledger.enforced(gateway.name, performance.now()).length),
      requests: this.#clients.requests,
      pieces: ledger.pieces,
      settledAfter,
      violations: ledger.violations,
      logs: sites.map(({ gateway }) => gateway.log),
    }
  }

  ended(): Promise<void> {
    return this.#clients.ended()
  }

  /** Revokes until the faults are over, and there are enough. */
  async #publish(faultsOver: AbortSignal): Promise<void> {
    const random = new Random(this.#random.between(0, 2 ** 31))
    const enough = this.#options.revocations ?? 200
    while (!faultsOver.aborted || this.#revoked.length < enough) {
      const way = random.next() < COMMAND_ODDS ? 'mgw revoke' : random.pick<Way>(USUAL_WAYS)
      await this.#revokeNext(way, random)
      await setTimeout(random.between(5, 60))
    }
  }

  async #revokeNext(way: Way, random: Random): Promise<void> {
    while (this.#upcoming.length < UPCOMING) {
      const token = await this.#world.upstream.token()
      this.#upcoming.push(token)
      this.#clients.hold(token, this.#upcoming.length + this.#revoked.length)
    }
    const token = this.#upcoming.shift()
    if (token === undefined) return
    this.#revoked.push(token)
    const entering = this.#entrances.revoke(token, way, random.pick(this.#world.sites)).finally(() => {
      this.#entering.delete(entering)
    })
    this.#entering.add(entering)
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

  async #inflict(fault: PlannedFault): Promise<void> {
    const { ledger } = this.#world
    const { kind, duration } = fault
    const name = GATEWAYS[fault.gateway] ?? ''
    // A fault with nothing at stake shows nothing: on a slow machine it waits for that.
    if (kind === 'gateway killed')
      await within(STAKE_LIMIT, () => ledger.enforcesWhatNoStoreHas(name, performance.now()))
    this.#faults++
    const of = /^(broker|etcd) /.test(kind) ? '' : ` (${name})`
    this.#tell(`${kind}${of} for ${duration} ms`)
    try {
      await this.#through(fault)
    } catch (error) {
      ledger.violated(`${kind}: ${error instanceof Error ? error.message : String(error)}`, performance.now())
    }
    this.#tell(`${kind}${of} is over`)
  }

  async #through(fault: PlannedFault): Promise<void> {
    const { writer, ledger } = this.#world
    const { kind, duration } = fault
    const before = ledger.onlyInEtcd
    const recover = await inflict(this.#world, fault)
    this.#revoked.push(...this.#world.flooded.splice(0))
    await setTimeout(duration)
    if (kind === 'etcd cut' || kind === 'etcd hole') await within(STAKE_LIMIT, () => ledger.onlyInEtcd > before)
    if (fault.worse && kind.startsWith('etcd') && (await writer.compact())) this.#tell('etcd compacted')
    await recover()
  }

  #tell(text: string): void {
    const now = performance.now()
    this.#world.ledger.timeline.note(now, text)
    this.#options.print?.(`${Math.round(now)} ${text}`)
  }

  /** Resolves to how long it took until all that is due was enforced by all; then asks for each once more. */
  async #settle(): Promise<number | undefined> {
    const { sites, ledger } = this.#world
    const begin = performance.now()
    await Promise.all(this.#entering)
    for (let round = 0; round < AFTERWARDS; round++) {
      for (const way of WAYS) if (way !== 'mgw revoke') await this.#revokeNext(way, this.#random)
    }
    await Promise.all(this.#entering)
    // What a gateway promised, and a write whose answer was lost, is in etcd all the same; a flood as long as it flows.
    for (let [before, held] = [-1, await this.#seeWhatIsHeld()]; before < held && ledger.notInEtcd.length > 0; ) {
      before = held
      await within(WRITTEN_BACK_WITHIN, async () => {
        held = await this.#seeWhatIsHeld()
        return ledger.notInEtcd.length === 0
      })
    }
    const names = sites.map(({ gateway }) => gateway.name)
    const isSettled = () => names.every((name) => ledger.of(name).knows && ledger.missing(name).length === 0)
    const settled = await within(LISTED_WITHIN + HEARD_WITHIN, async () => {
      await this.#clients.askFor((name) => this.#missing(name))
      return isSettled()
    })
    const now = performance.now()
    for (const token of ledger.notInEtcd)
      ledger.violated(`${ledger.describe(token)} is not in etcd in time`, now, token)
    for (const name of names) {
      if (!ledger.of(name).knows) ledger.violated(`${name} does not know its list in time`, now)
      for (const token of ledger.missing(name)) {
        ledger.violated(`${name} does not refuse ${ledger.describe(token)} in time`, now, token)
      }
    }
    await this.#askForAll()
    return settled ? Math.round(now - begin) : undefined
  }

  /** Resolves to how many keys etcd has. */
  async #seeWhatIsHeld(): Promise<number> {
    const { writer, ledger } = this.#world
    const held = [...(await writer.held('jti/')), ...(await writer.held('jti-records/'))]
    for (const key of held) ledger.acknowledged(UUID.exec(key)?.[0] ?? key, performance.now())
    return held.length
  }

  /** What the ledger still waits for at a gateway, and a control. */
  #missing(name: string): Token[] {
    const missing = new Set(this.#world.ledger.missing(name))
    return [...this.#revoked.filter(({ jti }) => missing.has(jti)), ...this.#world.controls]
  }

  /** Both gateways are killed and start again with no source in reach: what they enforced is in their journals. */
  async #restartAlone(): Promise<void> {
    const { sites, broker, etcd, ledger } = this.#world
    await setTimeout(100) // what was refused last counts, too
    this.#tell('everything killed; the gateways start alone')
    this.#faults++
    for (const { record } of sites) {
      record.cutOff('broker', performance.now())
      record.cutOff('etcd', performance.now())
    }
    await Promise.all([broker.kill(), etcd.kill(), ...sites.map(({ gateway }) => gateway.kill())])
    await Promise.all(sites.map((site) => site.start(false)))
    // One whose clock was set has a journal from the future, which does not stand in for a store: it may stay at 503.
    const unset = sites.filter(({ clock }) => clock === undefined)
    if (!(await within(ALONE_WITHIN, () => unset.every(({ record }) => record.knows)))) {
      ledger.violated('a gateway that starts alone does not know its list', performance.now())
    }
    await this.#askForAll()
  }

  /** Every revoked token once, at every gateway: the ledger says what of it is wrong. */
  async #askForAll(): Promise<void> {
    const { ledger } = this.#world
    const enforced = new Map<string, Set<string>>(
      GATEWAYS.map((name) => [name, new Set(ledger.enforced(name, performance.now()))]),
    )
    await this.#clients.askFor(
      (name) => this.#revoked.filter(({ jti }) => enforced.get(name)?.has(jti)),
      (name, token) => {
        if (!ledger.of(name).knows) return // it says so, or has been found not to
        const what = `${name} does not refuse ${ledger.describe(token)} any more`
        ledger.violated(what, performance.now(), token)
      },
    )
  }

  #knownBy(limit: number): Promise<boolean> {
    return within(limit, () => this.#world.sites.every(({ record }) => record.knows))
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
