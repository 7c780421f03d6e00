import type { Secret } from '../config/index.js'
import { type Answer, call, type HttpClient } from '../http-client/index.js'
import { describeError, FailureLog, type Logger } from '../logging/index.js'
import { Backoff, pause, systemClock } from '../time/index.js'

/** Milliseconds for a request to the collector. */
const TIMEOUT = 10_000
/** Bytes of its answer. */
const MAX_ANSWER = 65_536
/** Tries of one body, and how long to wait between them, ms. */
const TRIES = 4
const RETRY = { first: 1_000, max: 10_000 }
/** Those that the collector asks to repeat (OTLP/HTTP). */
const RETRYABLE: ReadonlySet<number> = new Set([429, 502, 503, 504])

export interface CollectorOptions {
  readonly client: HttpClient
  /** Its base URL: `/v1/traces` and `/v1/metrics` are below. */
  readonly endpoint: string
  /** The value of `Authorization`; empty: none. */
  readonly authorization: Secret
  readonly logger: Logger
}

/** An OpenTelemetry collector, over OTLP/HTTP with JSON. */
export class Collector {
  readonly #options: CollectorOptions
  readonly #failures: FailureLog
  readonly #stopping = new AbortController()

  constructor(options: CollectorOptions) {
    this.#options = options
    this.#failures = new FailureLog(options.logger, () => performance.now())
  }

  /** Whether the collector has taken a body. A failure is logged, and repeated if that may help. Never rejects. */
  async send(signal: 'traces' | 'metrics', body: string): Promise<boolean> {
    const backoff = new Backoff(RETRY, Math.random)
    for (let tries = 1; ; tries++) {
      const failure = await this.#try(signal, body)
      if (failure === undefined) {
        this.#failures.over()
        return true
      }
      this.#failures.failed('warn', `OpenTelemetry collector did not take ${signal}`, failure.reason)
      if (!failure.mayRetry || tries === TRIES || this.#stopping.signal.aborted) return false
      await pause(backoff.next(), systemClock, this.#stopping.signal)
    }
  }

  /** Lets what is being sent be tried once more at most. */
  stop(): void {
    this.#stopping.abort()
  }

  async #try(signal: string, body: string): Promise<{ reason: string; mayRetry: boolean } | undefined> {
    const { client, endpoint, authorization } = this.#options
    const headers = {
      'content-type': 'application/json',
      ...(authorization.isEmpty ? {} : { authorization: authorization.reveal() }),
    }
    const url = `${endpoint.replace(/\/+$/, '')}/v1/${signal}`
    let answer: Answer
    try {
      answer = await call(client, { url, method: 'POST', headers, body, timeout: TIMEOUT, maxBytes: MAX_ANSWER })
    } catch (error) {
      return { reason: describeError(error), mayRetry: true }
    }
    const { status } = answer
    return status >= 200 && status < 300
      ? undefined
      : { reason: `it answered ${status}`, mayRetry: RETRYABLE.has(status) }
  }
}
