/** Upper bounds of the buckets, in seconds. */
export const BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60] as const

/** Counts durations in buckets, one more for those above the last bound. Observing allocates nothing. */
export class Histogram {
  readonly counts = new Float64Array(BOUNDS.length + 1)
  /** Seconds. */
  sum = 0

  /** @param ms milliseconds */
  observe(ms: number): void {
    const seconds = ms / 1000
    let bucket = 0
    while (bucket < BOUNDS.length && seconds > (BOUNDS[bucket] as number)) bucket++
    this.counts[bucket] = (this.counts[bucket] as number) + 1
    this.sum += seconds
  }
}
