import { setImmediate } from 'node:timers/promises'
import type { PersistentStore, RevocationRecord } from './record.js'

/** The longest that applying records may keep the event loop, ms. */
const SLICE = 5
/** Records between two looks at the clock. */
const STRIDE = 64

/**
 * Lists a store and applies each record, in slices. Resolves to how many there were; rejects when the store could not
 * be read whole.
 *
 * @param onProgress called with the first record, and now and then
 */
export async function applyListing(
  store: PersistentStore,
  apply: (record: RevocationRecord) => void,
  onProgress: () => void,
  signal: AbortSignal,
): Promise<number> {
  let count = 0
  let sliceStart = performance.now()
  for await (const record of store.list(signal)) {
    apply(record)
    if (count++ % STRIDE !== 0) continue
    onProgress()
    if (performance.now() - sliceStart < SLICE) continue
    await setImmediate()
    sliceStart = performance.now()
  }
  return count
}
