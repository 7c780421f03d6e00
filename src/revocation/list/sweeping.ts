import { type Clock, systemClock } from '../clock.js'
import { SettledTime } from '../settled-time.js'
import type { RevocationList } from './revocation-list.js'

const INTERVAL = 1_000
/** The longest that one turn takes, ms. */
const BUDGET = 2

/**
 * Removes, in slices, what has expired from the list that there is at the time, if any. Returns what ends it.
 * When something has expired is told by {@link SettledTime}.
 */
export function sweepExpired(list: () => RevocationList | undefined, clock: Clock = systemClock): () => void {
  const time = new SettledTime(clock)
  let stop = () => {}
  const schedule = () => {
    stop = clock.after(INTERVAL, () => {
      const now = time.now()
      if (now > 0) list()?.sweep(now, BUDGET)
      schedule()
    })
  }
  schedule()
  return () => stop()
}
