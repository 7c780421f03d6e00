import type { RevocationList } from './revocation-list.js'

const INTERVAL = 1_000
/** Longest slice, ms. */
const BUDGET = 2

/**
 * Removes expired entries from the list, in slices, every second. Returns a function that stops it.
 *
 * @param list `undefined` while there is none
 * @param moments the times by which entries expire; `undefined` while unknown
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
