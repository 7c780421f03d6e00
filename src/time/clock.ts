/** Time and chance. Tests replace it. */
export interface Clock {
  /** Epoch ms. */
  now(): number
  /** Monotonic milliseconds: unlike {@link now}, no change of the system clock moves them. */
  elapsed(): number
  /** Calls `action` after `delay` ms; the returned function cancels it. Does not keep the process alive. */
  after(delay: number, action: () => void): () => void
  /** A number in [0, 1), for jitter. */
  random(): number
}

export const systemClock: Clock = {
  now: Date.now,
  elapsed: () => performance.now(),
  after(delay, action) {
    const timer = setTimeout(action, delay)
    timer.unref()
    return () => clearTimeout(timer)
  },
  random: Math.random,
}
