import { describeError, FailureLog, type Logger } from '../logging/index.js'
import type { RevocationSink } from '../sources/source.js'
import { Backoff, type Clock, pause } from '../time/index.js'

const FIRST_DELAY = 1_000
const LAST_DELAY = 30_000

export interface KeepRunningOptions {
  readonly name: string
  readonly clock: Clock
  readonly logger: Logger
  readonly signal: AbortSignal
}

/**
 * Runs a source until the signal aborts; never rejects. A source promises to do the same. One that ends or rejects anyway
 * is a gap (or has failed, if it was not live), and is restarted: after 1 s, then later and later, up to 30 s.
 */
export async function keepRunning(
  run: (sink: RevocationSink, signal: AbortSignal) => Promise<void>,
  sink: RevocationSink,
  options: KeepRunningOptions,
): Promise<void> {
  const { name, clock, logger, signal } = options
  const failures = new FailureLog(logger, () => clock.elapsed())
  const backoff = new Backoff({ first: FIRST_DELAY, max: LAST_DELAY }, () => clock.random())
  while (!signal.aborted) {
    const ended = new AbortController() // stops whatever the source left running
    const once = new OneRun(sink)
    const begun = clock.elapsed()
    let reason = 'it ended by itself'
    try {
      await run(once, AbortSignal.any([signal, ended.signal]))
    } catch (error) {
      reason = describeError(error)
      if (once.wasLive) failures.over()
      if (!signal.aborted) failures.failed('error', 'revocation source failed; restarting it', reason, { source: name })
    }
    ended.abort()
    once.end()
    if (signal.aborted) return
    if (clock.elapsed() - begun > LAST_DELAY) backoff.reset()
    sink.state(once.wasLive ? 'gap' : 'failed', reason)
    await pause(backoff.next(), clock, signal)
  }
}

/** The sink of one run. After the run its status no longer counts, but a late record or resync still does. */
class OneRun implements RevocationSink {
  readonly #sink: RevocationSink
  #hasEnded = false
  wasLive = false

  constructor(sink: RevocationSink) {
    this.#sink = sink
  }

  readonly revoked: RevocationSink['revoked'] = (record, publishedAt) => this.#sink.revoked(record, publishedAt)

  readonly resync: RevocationSink['resync'] = (reason) => this.#sink.resync(reason)

  readonly state: RevocationSink['state'] = (status, detail) => {
    if (this.#hasEnded) return
    this.wasLive ||= status === 'live'
    this.#sink.state(status, detail)
  }

  end(): void {
    this.#hasEnded = true
  }
}
