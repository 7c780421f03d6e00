import type { MetricName } from './definitions.js'
import { Histogram } from './histogram.js'
import { add, addHistogram, type Samples } from './samples.js'

/** What requests are counted under: an API of the configuration. */
export interface MeasuredApi {
  readonly name: string
  readonly version: string
}

/** Requests that reach no API. */
const NO_API: MeasuredApi = { name: '', version: '' }
/** Reasons are words of the source text; were they not, no more than these would be told apart. */
const MAX_REASONS = 100
const FIRST_STATUS = 100
const LAST_STATUS = 599
/** Index of what has no status, or none that there is. */
const OTHER = LAST_STATUS - FIRST_STATUS + 1

/** The requests of one API, counted in typed arrays: a request costs less than a microsecond and allocates nothing. */
export class ApiMetrics {
  readonly duration = new Histogram()
  readonly upstream = new Histogram()
  inProgress = 0
  /** By reason: how many had which status. */
  readonly #counts = new Map<string, Float64Array>()

  /** Counts an answer; `status` 0: the client left before there was one. */
  count(status: number, reason: string): void {
    const counts = this.#counts.get(reason) ?? this.#countsOf(reason)
    const index = status >= FIRST_STATUS && status <= LAST_STATUS ? status - FIRST_STATUS : OTHER
    counts[index] = (counts[index] as number) + 1
  }

  /** Adds what was counted. */
  collect({ name, version }: MeasuredApi, samples: Samples): void {
    for (const [reason, counts] of this.#counts) {
      counts.forEach((count, index) => {
        const status = index === OTHER ? 'none' : String(index + FIRST_STATUS)
        if (count > 0) add(samples, 'mgw_http_requests_total', [name, version, status, reason], count)
      })
    }
    addHistogram(samples, 'mgw_http_request_duration_seconds', [name, version], this.duration)
    addHistogram(samples, 'mgw_upstream_response_duration_seconds', [name, version], this.upstream)
    add(samples, 'mgw_upstream_requests_in_progress', [name, version], this.inProgress)
  }

  #countsOf(reason: string): Float64Array {
    const name = this.#counts.size < MAX_REASONS ? reason : 'other'
    const counts = this.#counts.get(name) ?? new Float64Array(OTHER + 1)
    this.#counts.set(name, counts)
    return counts
  }
}

/** Counts by an origin and a word, both from the configuration or a fixed set. */
class OriginCounts {
  readonly #counts = new Map<string, Map<string, number>>()

  add(origin: string, word: string): void {
    const counts = this.#counts.get(origin) ?? new Map<string, number>()
    this.#counts.set(origin, counts.set(word, (counts.get(word) ?? 0) + 1))
  }

  *all(): Generator<readonly [origin: string, word: string, count: number]> {
    for (const [origin, counts] of this.#counts) for (const [word, count] of counts) yield [origin, word, count]
  }
}

/** What becomes of endpoints, and the metric that counts it. */
const ENDPOINT_EVENTS: Readonly<Record<string, MetricName>> = {
  ejected: 'mgw_endpoint_ejections_total',
  'circuit opened': 'mgw_endpoint_circuit_openings_total',
  retried: 'mgw_upstream_retries_total',
}

/** Why open requests are ended. */
export type EndedReason = (typeof ENDED)[number]
const ENDED = ['revoked', 'list-not-known', 'inactive', 'unconfirmed'] as const

/** What one process counts of the requests that it serves. */
export class RequestMetrics {
  /** By name and version: those that a reload has made anew count on. */
  readonly #named = new Map<string, { readonly api: MeasuredApi; readonly metrics: ApiMetrics }>()
  readonly #byApi = new WeakMap<MeasuredApi, ApiMetrics>()
  readonly #failures = new OriginCounts()
  readonly #endpointEvents = new OriginCounts()
  readonly #ended = { revoked: 0, 'list-not-known': 0, inactive: 0, unconfirmed: 0 }
  /** By issuer, which is configured. */
  readonly #withoutSession = new Map<string, number>()

  /** The counts of an API; of requests that reach none. */
  of(api: MeasuredApi = NO_API): ApiMetrics {
    return this.#byApi.get(api) ?? this.#name(api)
  }

  #name(api: MeasuredApi): ApiMetrics {
    const name = JSON.stringify([api.name, api.version])
    const { metrics } = this.#named.get(name) ?? { metrics: new ApiMetrics() }
    this.#named.set(name, { api: { name: api.name, version: api.version }, metrics })
    this.#byApi.set(api, metrics)
    return metrics
  }

  /** @param origin a configured one */
  upstreamFailed(origin: string, failure: string): void {
    this.#failures.add(origin, failure)
  }

  /**
   * Counts that an endpoint was `ejected`, its `circuit opened`, or a request was `retried` there; nothing else.
   *
   * @param origin a configured one
   */
  endpointEvent(event: string, origin: string): void {
    if (Object.hasOwn(ENDPOINT_EVENTS, event)) this.#endpointEvents.add(origin, event)
  }

  ended(requests: number, reason: EndedReason): void {
    this.#ended[reason] += requests
  }

  /** A token verified that names no session. @param issuer a configured one */
  tokenWithoutSession(issuer: string): void {
    this.#withoutSession.set(issuer, (this.#withoutSession.get(issuer) ?? 0) + 1)
  }

  /** Adds what was counted. */
  collect(samples: Samples): void {
    for (const { api, metrics } of this.#named.values()) metrics.collect(api, samples)
    for (const [origin, failure, count] of this.#failures.all()) {
      add(samples, 'mgw_upstream_failures_total', [origin, failure], count)
    }
    for (const [origin, event, count] of this.#endpointEvents.all()) {
      const metric = ENDPOINT_EVENTS[event]
      if (metric !== undefined) add(samples, metric, [origin], count)
    }
    for (const [issuer, count] of this.#withoutSession)
      add(samples, 'mgw_tokens_without_session_total', [issuer], count)
    for (const reason of ENDED) {
      add(samples, 'mgw_open_requests_ended_total', [reason], this.#ended[reason])
    }
  }
}
