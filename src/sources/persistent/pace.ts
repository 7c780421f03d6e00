import { setImmediate } from 'node:timers/promises'

/** Milliseconds of work after which other work gets its turn: a tenth of the longest stall that a listing may cause. */
const SLICE = 5

/** Keeps a long listing from holding up requests: ask {@link Pace.due} after each piece of work. */
export interface Pace {
  /** Whether this slice of work, the consumer's share included, has lasted long enough. */
  due(): boolean
  /** Lets the event loop turn once, and starts the next slice. */
  turn(): Promise<void>
}

/** Starts the first slice; one lasts `slice` milliseconds. */
export function startPace(slice = SLICE): Pace {
  let since = performance.now()
  return {
    due: () => performance.now() - since >= slice,
    async turn() {
      await setImmediate()
      since = performance.now()
    },
  }
}
