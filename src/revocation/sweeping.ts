import type { RevocationList } from './revocation-list.js'

const INTERVAL = 1_000
/** Longest slice, ms. */
const BUDGET = 2

/**
 * Removes expired entries from the list, in slices, every second. Returns a function that stops it.
 *
 * @param list `undefined` while there is none
 * @param moments the times by which entries expire; `undefined` while unknown
 * @param swept told of each slice: how many entries it removed, and whether it reached the end of the list
 */
export function sweepExpired(
  list: () => RevocationList | undefined,
  moments: () => { readonly expired: number; readonly retained: number } | undefined,
  clock: { after(delay: number, action: () => void): () => void },
  swept: (removed: number, finished: boolean) => void = () => undefined,
): () => void {
  let stop = () => {}
  const schedule = () => {
    stop = clock.after(INTERVAL, () => {
      const by = moments()
      const done = by === undefined ? undefined : list()?.sweep(by.expired, BUDGET, by.retained)
      if (done !== undefined) swept(done.removed, done.finished)
      schedule()
    })
  }
  schedule()
  return () => stop()
}
