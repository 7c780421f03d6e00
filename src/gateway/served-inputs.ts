import type { Config } from '../config/index.js'
import type { Explainer } from './explainer.js'
import type { Inputs } from './inputs.js'
import type { Serves } from './observing.js'
import { tryServing } from './rehearsal.js'
import { changedSections, withNewWorkers, withoutRestart } from './reload.js'

/** What came of having other inputs served. */
export interface Replaced {
  /** Why not every worker serves by them; empty: all do. */
  readonly problems: readonly string[]
  /** Sections, and keys of `[listenerConfig]`, that have changed and are in force. */
  readonly changed: readonly string[]
  /** Those whose changes take effect at the next start. */
  readonly needsRestart: readonly string[]
}

/** What a gateway serves by, and how other inputs take its place. */
export class ServedInputs {
  readonly #serves: Serves
  readonly #explainer: Explainer
  /** What this process, or its workers, were started with. */
  #started: Config
  #served: readonly Config[]

  constructor(started: Config, serves: Serves, explainer: Explainer) {
    this.#started = started
    this.#served = [started]
    this.#serves = serves
    this.#explainer = explainer
  }

  /** The configurations by which tokens are accepted now: several during a reload, and after one that not every worker took. */
  get configs(): readonly Config[] {
    return this.#served
  }

  /**
   * Has other inputs served, without a request failing. Throws, and goes on by the old ones, for what cannot be used.
   *
   * @param newWorkers whether workers take them by being replaced, one after the other: they take more of them so
   */
  async replace(next: Inputs, newWorkers: boolean): Promise<Replaced> {
    const merge = newWorkers ? withNewWorkers : withoutRestart
    const { config, needsRestart } = merge(this.#started, next.config)
    const inputs = { ...next, config }
    const before = this.#served
    const changed = changedSections(before.at(-1) ?? this.#started, config)
    this.#served = [...before, config]
    try {
      const problems = await this.#serve(inputs, newWorkers)
      if (problems.length === 0) {
        this.#served = [config]
        if (newWorkers) this.#started = config
      }
      this.#explainer.renew(inputs)
      return { problems, changed, needsRestart }
    } catch (error) {
      this.#served = before
      throw error
    }
  }

  async #serve(inputs: Inputs, newWorkers: boolean): Promise<readonly string[]> {
    const { workers, here } = this.#serves
    if (workers !== undefined) {
      await tryServing(inputs) // fails once, before any worker has changed
      return newWorkers ? workers.replaceAll() : workers.reload()
    }
    if (newWorkers) throw new NoWorkers()
    if (here === undefined) throw new Error('the gateway is still starting')
    await here.reload(inputs)
    return []
  }
}

/** Everything runs in one process, whose listeners nobody else can keep open. */
class NoWorkers extends Error {
  constructor() {
    super('no workers to restart: one process does everything; set [server] workers to 2 or more')
    this.name = 'NoWorkers'
  }
}
