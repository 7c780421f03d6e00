import { pause, systemClock } from '../../../time/index.js'

/** Milliseconds between two confirmations: cheap enough for a fleet, and often enough to find a member that is cut off. */
export const CONFIRM_EVERY = 5_000

/**
 * Confirms every `every` ms that a watch misses nothing. Rejects with a confirmation's failure; one that fails at once is
 * tried again first, since a change of the leader fails those that are under way. Resolves when the signal aborts.
 */
export async function confirming(confirm: () => Promise<void>, every: number, signal: AbortSignal): Promise<void> {
  for (;;) {
    await pause(every, systemClock, signal)
    if (signal.aborted) return
    const begun = performance.now()
    try {
      await confirm()
    } catch (error) {
      if (signal.aborted) return
      if (performance.now() - begun > every / 2) throw error
      await confirm()
    }
  }
}
