import { Backoff, type BackoffLimits } from './backoff.js'
import type { Clock } from './clock.js'
import { pause } from './timers.js'

export interface RetryingOptions {
  /** The delays between attempts. */
  readonly limits: BackoffLimits
  readonly clock: Pick<Clock, 'after' | 'random'>
  readonly signal: AbortSignal
  /** Told why an attempt failed, before the delay. */
  failed(reason: unknown): void
}

/**
 * Tries until an attempt resolves, and resolves to that; `undefined` if the signal aborts first. Delays double with each failure in a
 * row and are jittered. Never rejects.
 *
 * @param attempt calls `worked` once what fails next is the first failure again
 */
export async function retrying<T>(
  attempt: (worked: () => void) => Promise<T>,
  { limits, clock, signal, failed }: RetryingOptions,
): Promise<T | undefined> {
  const backoff = new Backoff(limits, () => clock.random())
  const worked = () => backoff.reset()
  while (!signal.aborted) {
    try {
      return await attempt(worked)
    } catch (error) {
      if (signal.aborted) break
      failed(error)
      await pause(backoff.next(), clock, signal)
    }
  }
  return undefined
}
