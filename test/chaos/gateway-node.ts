import { setTimeout } from 'node:timers/promises'
import { GatewayProcess, type Ports, type Target } from './gateway-process.js'
import type { GatewayRecord } from './gateway-record.js'
import type { Ledger } from './ledger.js'
import type { Teardowns } from './teardowns.js'

/** A process that drains ends within so many milliseconds: the configured stopTimeout, and the grace beyond it. */
export const STOP_TIMEOUT = 3_000
const DRAINED_WITHIN = STOP_TIMEOUT + 8_000
/** An orphan ends at once, which takes so long at most, ms. */
const ORPHANS_END_WITHIN = 3_000
/** A worker that was killed is replaced within so many ms, on a machine that has much else to do. */
const REPLACED_WITHIN = 40_000
const POLL = 25
/** That each gateway has. */
export const WORKERS = 2

/** A gateway, over the processes that it has one after the other. Tells the ledger of all that is done to it. */
export class GatewayNode {
  readonly name: string
  /** For its processes, beside this one's. */
  readonly env: Record<string, string> = {}
  /** In front of its command, if it runs in a namespace. */
  readonly wrapper: string[] = []
  readonly #command: readonly string[]
  readonly #ledger: Ledger
  readonly #record: GatewayRecord
  readonly #processes = new Set<GatewayProcess>()
  #current: GatewayProcess | undefined
  #log = ''
  #up = switchOff()

  constructor(t: Pick<Teardowns, 'teardown'>, name: string, command: readonly string[], ledger: Ledger) {
    this.name = name
    this.#command = command
    this.#ledger = ledger
    this.#record = ledger.of(name)
    t.teardown(() => this.#endAll())
  }

  /** All that it has written, over its restarts. */
  get log(): string {
    return this.#log
  }

  /** How often it was started. */
  get incarnation(): number {
    return this.#record.life
  }

  /** Where it listens, if it does. */
  get ports(): Ports | undefined {
    return this.#current?.ports
  }

  /** Resolves when it runs and is not stopped as a whole. */
  async reachable(): Promise<Ports> {
    for (;;) {
      await this.#up.promise
      const { ports } = this
      if (ports !== undefined) return ports
      await setTimeout(POLL)
    }
  }

  async start(): Promise<void> {
    const process = this.#spawn()
    this.#current = process
    this.#record.spawned(performance.now())
    void this.#watch(process)
    await process.listening()
    this.#record.listening(performance.now())
    this.#up.turnOn()
  }

  /** SIGKILL, to all of it at once, or to the primary alone: the rest must then end by itself. */
  async kill(target: 'all' | 'primary' = 'all'): Promise<void> {
    const process = this.#current
    this.#current = undefined
    this.#down()
    if (process === undefined) return
    process.signal(target, 'SIGKILL')
    this.#record.killed(performance.now(), target === 'all' ? 'killed' : 'killed, the primary alone')
    await process.exited
    const deadline = performance.now() + ORPHANS_END_WITHIN
    while (process.orphans.length > 0 && performance.now() < deadline) await setTimeout(POLL)
    if (process.orphans.length > 0) {
      this.#ledger.violated(`${this.name} left ${process.orphans.length} orphans`, performance.now())
    }
    await process.end()
    this.#processes.delete(process)
  }

  /** Another process takes over while this one drains. Resolves when the old one has gone. */
  async overlap(): Promise<void> {
    const old = this.#current
    if (old === undefined) return
    const now = performance.now()
    this.#current = undefined
    this.#record.draining(now, now + DRAINED_WITHIN)
    this.#record.cutOff('broker', now)
    old.signal('primary', 'SIGTERM')
    await this.start()
    const late = setTimeout(DRAINED_WITHIN, 'late')
    if ((await Promise.race([old.exited, late])) === 'late') {
      this.#ledger.violated(`${this.name} did not end after SIGTERM`, performance.now())
    }
    await old.end()
    this.#processes.delete(old)
    this.#record.reconnected('broker', performance.now())
    this.#record.tookOver(performance.now())
  }

  freeze(target: Target): void {
    if (target === 'all') this.#down()
    this.#current?.signal(target, 'SIGSTOP')
    this.#record.stopped(target, performance.now())
  }

  thaw(target: Target): void {
    this.#record.resumed(target, performance.now())
    this.#current?.signal('all', 'SIGCONT')
    this.#up.turnOn()
  }

  /** SIGKILL to a worker: the primary replaces it. */
  killWorker(): void {
    this.#record.workerLost(performance.now())
    this.#current?.signal('worker', 'SIGKILL')
  }

  /** Resolves when the primary says that as many workers listen as it should have; they have been replaced. */
  async replaced(): Promise<void> {
    if (!(await this.allListen())) this.#ledger.violated(`${this.name} did not replace a worker`, performance.now())
    this.#record.workerReplaced(performance.now())
  }

  /** Resolves when all its workers listen: one that starts later would read a configuration that is written meanwhile. */
  async allListen(): Promise<boolean> {
    const deadline = performance.now() + REPLACED_WITHIN
    while ((await this.#listeners()) < WORKERS) {
      if (performance.now() > deadline) return false
      await setTimeout(POLL)
    }
    return true
  }

  async #listeners(): Promise<number> {
    try {
      const answer = await fetch(`http://127.0.0.1:${this.ports?.admin}/ready`, { signal: AbortSignal.timeout(1_000) })
      const { workers = [] } = (await answer.json()) as { workers?: { listening: boolean }[] }
      return workers.filter(({ listening }) => listening).length
    } catch {
      return 0
    }
  }

  #spawn(): GatewayProcess {
    const child = new GatewayProcess([...this.wrapper, process.execPath, ...this.#command], this.env, (text) => {
      this.#log += text
    })
    this.#processes.add(child)
    return child
  }

  async #watch(process: GatewayProcess): Promise<void> {
    const how = await process.exited
    if (this.#current === process) this.#ledger.violated(`${this.name} ended by itself: ${how}`, performance.now())
  }

  /** Who waits already goes on waiting. */
  #down(): void {
    if (this.#up.isOn) this.#up = switchOff()
  }

  async #endAll(): Promise<void> {
    this.#current = undefined
    for (const process of this.#processes) await process.end()
  }
}

interface Switch {
  isOn: boolean
  readonly promise: Promise<void>
  turnOn(): void
}

function switchOff(): Switch {
  let resolve: () => void = () => undefined
  const promise = new Promise<void>((settle) => {
    resolve = settle
  })
  const state: Switch = {
    isOn: false,
    promise,
    turnOn() {
      state.isOn = true
      resolve()
    },
  }
  return state
}
