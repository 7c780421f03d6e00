import { setImmediate } from 'node:timers/promises'
import type { RevocationRecord } from '../revocation/index.js'

/** The longest that applying records may keep the event loop, ms. */
const SLICE = 5
/** Records between two looks at the clock. */
const STRIDE = 64

/**
 * Applies each record of a listing, in slices. Resolves to how many there were; rejects when the store could not be read
 * whole.
 *
 * @param onProgress called with the first record, and now and then
 */
export async function applyListing(
  listing: AsyncIterable<RevocationRecord>,
  apply: (record: RevocationRecord) => void,
  onProgress: () => void,
): Promise<number> {
  let count = 0
  let sliceStart = performance.now()
  for await (const record of listing) {
    apply(record)
    if (count++ % STRIDE !== 0) continue
    onProgress()
    if (performance.now() - sliceStart < SLICE) continue
    await setImmediate()
    sliceStart = performance.now()
  }
  return count
}
