import type { RevocationList } from './revocation-list.js'

const INTERVAL = 1_000
/** The longest that one turn takes, ms. */
const BUDGET = 2

/**
 * Removes, in slices, what has expired from the list that there is at the time, if any. Returns what ends it.
 *
 * @param moments by which it has; `undefined` while that is not known
 */
export function sweepExpired(
  list: () => RevocationList | undefined,
  moments: () => { readonly earliest: number; readonly retained: number } | undefined,
  clock: { after(delay: number, action: () => void): () => void },
): () => void {
  let stop = () => {}
  const schedule = () => {
    stop = clock.after(INTERVAL, () => {
      const by = moments()
      if (by !== undefined) list()?.sweep(by.earliest, BUDGET, by.retained)
      schedule()
    })
  }
  schedule()
  return () => stop()
}
