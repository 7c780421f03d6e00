import type { Readiness } from '../admin/index.js'
import { add, addProcess, type Exposition, expose, processUsage, type Samples } from '../metrics/index.js'
import { packageVersion } from '../version.js'
import { addRevocations } from './revocation-samples.js'
import type { Revocations } from './revocations.js'
import type { Serving } from './serving.js'
import type { Workers } from './workers.js'

/** What serves: this process, or workers. Neither while the gateway starts. */
export interface Serves {
  workers?: Workers
  here?: Serving
}

/** What the admin listener tells of a running gateway. */
export class Observer {
  readonly #revocations: Revocations
  readonly #serves: Serves
  readonly #version = packageVersion()
  #scrape: Promise<Exposition> | undefined

  constructor(revocations: Revocations, serves: Serves) {
    this.#revocations = revocations
    this.#serves = serves
  }

  readiness(): Readiness {
    const state = this.#revocations.state()
    const { workers, here } = this.#serves
    if (workers === undefined) return { ready: state.known && here !== undefined, detail: { revocations: state } }
    return { ready: state.known && workers.knows, detail: { revocations: state, workers: workers.status() } }
  }

  /** Everything that `/metrics` says. Scrapes at the same time share one. */
  metrics(): Promise<Exposition> {
    this.#scrape ??= this.#expose().finally(() => {
      this.#scrape = undefined
    })
    return this.#scrape
  }

  async #expose(): Promise<Exposition> {
    const samples: Samples = new Map()
    const { workers, here } = this.#serves
    add(samples, 'mgw_build_info', [this.#version], 1)
    add(samples, 'mgw_ready', [], Number(this.readiness().ready))
    addRevocations(samples, this.#revocations.state(), this.#revocations.realtimeLag)
    addProcess(samples, 'primary', processUsage())
    here?.collect(samples)
    if (workers === undefined) add(samples, 'mgw_workers', [], Number(here !== undefined))
    await workers?.collect(samples)
    return expose(samples)
  }
}
