import { Backoff } from '../time/index.js'

const FIRST = 100
const LAST = 30_000
/** Whoever lived so long (ms) did not die of its start. */
const HEALTHY_AFTER = 30_000

/** How long to wait before what died is started again: 100 ms, doubled with each death soon after a start, 30 s at most. */
export class CrashPause {
  readonly #backoff = new Backoff({ first: FIRST, max: LAST })

  /** @param lived milliseconds from its start to its death */
  next(lived: number): number {
    if (lived >= HEALTHY_AFTER) this.#backoff.reset()
    return this.#backoff.next()
  }
}
