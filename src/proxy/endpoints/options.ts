/** An upstream, as far as it matters here. */
export interface Upstream {
  readonly origin: string
}

/** Upstreams that serve the same, as an API declares them. */
export interface EndpointGroupOptions<Endpoint extends Upstream> {
  /** `http`: the first only. `load_balance`: the one with the fewest requests. `failover`: the first that works. */
  readonly type: 'http' | 'load_balance' | 'failover'
  readonly urls: readonly [Endpoint, ...Endpoint[]]
  /** Absent: a request that fails goes to the others, four of them at most. */
  readonly retry?: RetryOptions | undefined
  /** For each endpoint by itself; absent: none. */
  readonly circuitBreaker?: CircuitBreakerOptions | undefined
}

/** WSO2's `retryConfig`. Times in milliseconds. */
export interface RetryOptions {
  /** How often a request is sent once more. */
  readonly count: number
  /** Before the endpoint that has failed is tried again; another one is tried at once. */
  readonly interval: number
  /** What the interval is multiplied by each time. */
  readonly backOffFactor: number
  readonly maxInterval: number
  /** Answers that count as failures. With 504 a request that timed out is sent once more, too. */
  readonly statusCodes: readonly number[]
}

/** WSO2's `circuitBreaker`. Times in milliseconds. */
export interface CircuitBreakerOptions {
  /** Requests in the window from which on failures count. */
  readonly requestVolumeThreshold: number
  readonly timeWindow: number
  /** By which the window moves on. */
  readonly bucketSize: number
  /** The share of failures (0 to 1) above which the circuit opens. */
  readonly failureThreshold: number
  /** How long it stays open until one request tries the endpoint. */
  readonly resetTime: number
  /** Answers that count as failures, beside connections that fail and time-outs. */
  readonly statusCodes: readonly number[]
}

/** What holds for all groups. Times in milliseconds. */
export interface EndpointRules {
  /** Failures in a row after which an endpoint is ejected, if its group has others; 0: it never is. */
  readonly maxFailures: number
  /** Until an ejected endpoint is tried with one request; twice as long each time that fails. */
  readonly ejectionTime: number
  readonly maxEjectionTime: number
  /** Answers that count as failures, beside connections that fail and time-outs. */
  readonly failureStatusCodes: readonly number[]
  /** Percent of the requests that may be sent once more after they had been sent; 0: none. */
  readonly retryBudget: number
  /** Told of each change, for the log. */
  readonly report?: EndpointReport | undefined
  /** Told where a request is sent to after it failed. */
  readonly retried?: ((origin: string) => void) | undefined
}

/** What a process knows of an endpoint of a group. */
export interface EndpointStatus extends Upstream {
  /** Whether it is passed over since it failed, tried at most. */
  readonly isEjected: boolean
  /** Whether its circuit is open, or being tried. */
  readonly isCircuitOpen: boolean
}

/** An endpoint was ejected or restored, its circuit opened or closed. `time`: milliseconds until it is tried. */
export type EndpointReport = (change: EndpointChange, origin: string, time: number) => void
export type EndpointChange = 'ejected' | 'restored' | 'circuit opened' | 'circuit closed'

export const DEFAULT_ENDPOINT_RULES: EndpointRules = {
  maxFailures: 5,
  ejectionTime: 1_000,
  maxEjectionTime: 60_000,
  failureStatusCodes: [],
  retryBudget: 20,
}
