import { describeError, FailureLog, type Logger, silent } from '../../../logging/index.js'
import {
  type Clock,
  DEFAULT_RETRY_TIMING,
  pause,
  RetrySchedule,
  type RetryTiming,
  systemClock,
} from '../../../time/index.js'
import type { RevocationSink, SourceStatus } from '../../source.js'

/** A subscription that is live. */
export interface Subscription {
  /** Settles once, when the subscription has ended: with the reason, or `undefined` if `close` ended it. Never rejects. */
  readonly closed: Promise<Error | undefined>
  /** Unsubscribes and closes the connection. Safe to call twice. */
  close(): Promise<void>
}

export interface ReconnectOptions<Broker> {
  /** At least one; they are tried in turn. */
  readonly brokers: readonly Broker[]
  /**
   * Makes one attempt: resolves when the broker has confirmed the subscription, rejects when it cannot.
   * Gives up when `signal` aborts. An error with `slow: true` (credentials refused, topic denied) is retried slowly.
   */
  subscribe(broker: Broker, signal: AbortSignal): Promise<Subscription>
  /** Milliseconds. */
  readonly backoff?: Partial<RetryTiming>
  /** How long one attempt may take at most (ms, 30 s if absent), whatever the protocol does in it. */
  readonly attemptTimeout?: number
  readonly logger?: Logger
  readonly random?: () => number
  readonly clock?: Clock
}

const ATTEMPT_TIMEOUT = 30_000
const CLOSE_TIMEOUT = 5_000

/**
 * Keeps a subscription alive until `signal` aborts: connects, tells the sink `live` once the broker has confirmed it,
 * `gap` when it is lost and `failed` after each attempt that failed, and tries the brokers in turn with back-off and
 * jitter. Never rejects for what a broker, the network, the sink or the logger does; a RangeError tells of bad options.
 */
export async function runWithReconnect<Broker>(
  options: ReconnectOptions<Broker>,
  sink: RevocationSink,
  signal: AbortSignal,
): Promise<void> {
  const clock = options.clock ?? systemClock
  const backoff = { ...DEFAULT_RETRY_TIMING, ...options.backoff }
  const schedule = new RetrySchedule(options.brokers.length, backoff, options.random ?? Math.random)
  const logger = options.logger ?? silent('TokenRevocationJMS')
  const failures = new FailureLog(logger, () => clock.elapsed())
  const report = reporter(sink, logger, failures, options.brokers.length)
  report.connecting()
  while (!signal.aborted) {
    const { index, at } = schedule.next(clock.elapsed())
    if (at > clock.elapsed()) await pause(at - clock.elapsed(), clock, signal)
    const broker = options.brokers[index]
    if (signal.aborted || broker === undefined) return
    try {
      const subscription = await attempt(options, broker, signal, clock)
      const since = clock.elapsed()
      report.live(index)
      const reason = await endOf(subscription, signal, clock)
      if (signal.aborted) return
      schedule.lost(index, clock.elapsed(), clock.elapsed() - since, isSlow(reason))
      report.gap(index, reason)
    } catch (error) {
      if (signal.aborted) return
      schedule.failed(index, clock.elapsed(), isSlow(error))
      report.failed(index, error)
    }
  }
}

/** One attempt, ended by its time limit or the signal even when the protocol ignores both. */
async function attempt<Broker>(
  options: ReconnectOptions<Broker>,
  broker: Broker,
  signal: AbortSignal,
  clock: Clock,
): Promise<Subscription> {
  const limit = options.attemptTimeout ?? ATTEMPT_TIMEOUT
  const giveUp = new AbortController()
  const settled = new AbortController()
  const pending = Promise.resolve().then(() => options.subscribe(broker, AbortSignal.any([signal, giveUp.signal])))
  const late = pause(limit, clock, AbortSignal.any([signal, settled.signal])).then(() => undefined)
  try {
    const subscription = await Promise.race([pending, late])
    if (subscription !== undefined && !signal.aborted) return subscription
    giveUp.abort()
    void pending.then((straggler) => closeQuietly(straggler, clock)).catch(() => undefined)
    throw new Error(signal.aborted ? 'stopped' : `no subscription within ${limit} ms`)
  } finally {
    settled.abort()
  }
}

/** Waits for the subscription's end, or ends it when the signal aborts. */
async function endOf(subscription: Subscription, signal: AbortSignal, clock: Clock): Promise<unknown> {
  const over = new AbortController()
  const aborted = new Promise<'stop'>((resolve) => {
    if (signal.aborted) resolve('stop')
    signal.addEventListener('abort', () => resolve('stop'), { once: true, signal: over.signal })
  })
  const reason = await Promise.race([subscription.closed.catch((error: unknown) => error), aborted])
  over.abort()
  // Also after a loss: a half-dead connection must not linger beside its successor.
  await closeQuietly(subscription, clock)
  return reason
}

async function closeQuietly(subscription: Subscription, clock: Clock): Promise<void> {
  const done = new AbortController()
  const closing = Promise.resolve()
    .then(() => subscription.close())
    .catch(() => undefined)
  await Promise.race([closing, pause(CLOSE_TIMEOUT, clock, done.signal)])
  done.abort()
}

function isSlow(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'slow' in error && error.slow === true
}

/** Tells the sink of every change, and the log. */
function reporter(sink: RevocationSink, logger: Logger, failures: FailureLog, brokers: number) {
  let everLive = false
  const name = (index: number) => (brokers > 1 ? `broker ${index + 1} of ${brokers}: ` : '')
  const guarded = (tell: () => void) => {
    try {
      tell()
    } catch (error) {
      attemptToLog(() => logger.error('a listener of the revocation topic failed', error))
    }
  }
  const tell = (status: SourceStatus, detail?: string) => guarded(() => sink.state(status, detail))
  const failure = (status: 'gap' | 'failed', text: string, index: number, error: unknown) => {
    const detail = name(index) + (describeError(error) || 'the connection ended')
    tell(status, detail)
    guarded(() => failures.failed('warn', `${text}: ${detail}`, undefined))
  }
  return {
    connecting: () => tell('connecting'),
    live: (index: number) => {
      tell('live')
      failures.over()
      const first = !everLive
      everLive = true
      guarded(() =>
        logger.info(
          first
            ? 'subscriber service for token revocation is started'
            : `${name(index)}subscribed to the revocation topic again`,
        ),
      )
    },
    gap: (index: number, error: unknown) =>
      failure('gap', 'the subscription to the revocation topic was lost', index, error),
    failed: (index: number, error: unknown) =>
      failure('failed', 'cannot subscribe to the revocation topic', index, error),
  }
}

function attemptToLog(log: () => void): void {
  try {
    log()
  } catch {
    // a log that can't be written must not end the subscription
  }
}
