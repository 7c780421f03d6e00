import { setImmediate } from 'node:timers/promises'

/** Milliseconds of work after which the event loop gets its turn: a tenth of the longest stall that a listing may cause. */
const SLICE = 5

/** Keeps long work from blocking the event loop: ask {@link TimeSlice.isOver} after each piece of it. */
export interface TimeSlice {
  /** Whether this slice of work, the consumer's share included, has lasted long enough. */
  isOver(): boolean
  /** Yields to the event loop once, and starts the next slice. */
  yield(): Promise<void>
}

/** Starts the first slice; one lasts `slice` milliseconds. */
export function startTimeSlice(slice = SLICE): TimeSlice {
  let since = performance.now()
  return {
    isOver: () => performance.now() - since >= slice,
    async yield() {
      await setImmediate()
      since = performance.now()
    },
  }
}
