import type { Readiness } from '../admin/index.js'
import { add, addProcess, type Exposition, expose, processUsage, readKey, type Samples } from '../metrics/index.js'
import { packageVersion } from '../version.js'
import { GrowingCounts } from './growing-counts.js'
import type { IdentityProviders } from './identity-providers.js'
import type { Observation } from './observation.js'
import type { LearntRevocation } from './recent-revocations.js'
import type { Reloading, ReloadState } from './reloading.js'
import { type RecentRequests, RequestHistory } from './request-history.js'
import { addRevocations } from './revocation-samples.js'
import type { Revocations, RevocationsState } from './revocations.js'
import type { Serving } from './serving.js'
import type { WorkerStatus } from './worker-process.js'
import type { Workers } from './workers.js'

/** What serves: this process, or workers. Neither while the gateway starts. */
export interface Serves {
  workers?: Workers
  here?: Serving
}

/** The state of a gateway. Holds no secret. */
export interface StatusReport {
  readonly version: string
  /** Epoch ms. */
  readonly at: number
  readonly startedAt: string
  readonly ready: boolean
  readonly revocations: RevocationsState
  /** Absent if everything runs in one process. */
  readonly workers?: readonly WorkerStatus[]
  /** Requests answered since the start, by reason: `upstream`, `revoked`, `missing` ... */
  readonly requests: Readonly<Record<string, number>>
  readonly openRequests: number
  /** What was answered in the last ten minutes. */
  readonly recentRequests: RecentRequests
  /** Absent before the first. */
  readonly lastReload?: ReloadState
  /** The newest first. */
  readonly recentRevocations: readonly LearntRevocation[]
}

/** What the admin listener tells of a running gateway. */
export class Observer {
  readonly #revocations: Revocations
  readonly #identityProviders: Pick<IdentityProviders, 'states'>
  readonly #serves: Serves
  readonly #observation: Observation
  readonly #reloading: Pick<Reloading, 'state'>
  readonly #version = packageVersion()
  readonly #malformed = new GrowingCounts()
  readonly #history = new RequestHistory(async () => answeredBy(await this.samples()))
  #scrape: Promise<Exposition> | undefined

  constructor(parts: {
    readonly revocations: Revocations
    readonly identityProviders: Pick<IdentityProviders, 'states'>
    readonly serves: Serves
    readonly observation: Observation
    readonly reloading: Pick<Reloading, 'state'>
  }) {
    this.#revocations = parts.revocations
    this.#identityProviders = parts.identityProviders
    this.#serves = parts.serves
    this.#observation = parts.observation
    this.#reloading = parts.reloading
  }

  readiness(): Readiness {
    const state = this.#state()
    const { workers, here } = this.#serves
    if (workers === undefined) return { ready: state.known && here !== undefined, detail: { revocations: state } }
    return { ready: state.known && workers.knows, detail: { revocations: state, workers: workers.status() } }
  }

  /** Everything that `/status` says. */
  async status(): Promise<StatusReport> {
    const samples = await this.samples()
    const { ready, detail } = this.readiness()
    const lastReload = this.#reloading.state
    return {
      version: this.#version,
      at: Date.now(),
      startedAt: new Date(performance.timeOrigin).toISOString(),
      ready,
      revocations: this.#state(),
      ...('workers' in detail ? { workers: this.#serves.workers?.status() ?? [] } : {}),
      requests: answeredBy(samples),
      openRequests: samples.get('mgw_open_requests') ?? 0,
      ...(lastReload === undefined ? {} : { lastReload }),
      recentRequests: this.#history.recent,
      recentRevocations: this.#revocations.recent,
    }
  }

  /** Everything that `/metrics` says. Scrapes at the same time share one. */
  metrics(): Promise<Exposition> {
    this.#scrape ??= this.#expose().finally(() => {
      this.#scrape = undefined
    })
    return this.#scrape
  }

  /** Stops counting for {@link status}. */
  close(): Promise<void> {
    return this.#history.close()
  }

  /** With identity providers among the sources. */
  #state(): RevocationsState {
    const state = this.#revocations.state()
    return { ...state, sources: [...state.sources, ...this.#identityProviders.states()] }
  }

  async #expose(): Promise<Exposition> {
    return expose(await this.samples())
  }

  /** What is counted now, by all processes. */
  async samples(): Promise<Samples> {
    const samples: Samples = new Map()
    const { workers, here } = this.#serves
    add(samples, 'mgw_build_info', [this.#version], 1)
    add(samples, 'mgw_ready', [], Number(this.readiness().ready))
    addRevocations(samples, this.#state(), this.#revocations.realtimeLag, this.#malformed)
    addProcess(samples, 'primary', processUsage())
    here?.collect(samples)
    // With one process it counts with what serves.
    if (here === undefined) this.#observation.collect(samples)
    if (workers === undefined) add(samples, 'mgw_workers', [], Number(here !== undefined))
    await workers?.collect(samples)
    return samples
  }
}

function answeredBy(samples: Samples): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const [key, count] of samples) {
    const { name, labels } = readKey(key)
    const reason = labels.at(-1)
    if (name === 'mgw_http_requests_total' && reason !== undefined) counts[reason] = (counts[reason] ?? 0) + count
  }
  return counts
}
