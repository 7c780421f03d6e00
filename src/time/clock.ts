/** Time as the synchronizer sees it; tests put one of their own in its place. */
export interface Clock {
  /** Epoch ms. */
  now(): number
  /** Milliseconds since some moment; unlike {@link now} it never goes back, and is not set. */
  elapsed(): number
  /** Calls `action` after `delay` ms, unless the returned function is called before. Does not keep the process alive. */
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
