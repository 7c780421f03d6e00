import type { Session } from 'rhea'

/** The part of rhea's session that its types leave out (its lib/session.js). */
interface SessionInternals {
  on_transfer(frame: { readonly performative: { message_format: number } }): void
}

/** Any format but 0, the only one that rhea reads. */
const UNDECODED = 1

/**
 * Has rhea deliver what peers publish as its bytes. They reach subscribers unchanged, and rhea's decoder, which
 * believes whatever length an array claims, never sees them.
 */
export function leaveUndecoded(session: Session): void {
  const internals = session as unknown as SessionInternals
  const original = internals.on_transfer
  internals.on_transfer = (frame) => {
    frame.performative.message_format = UNDECODED
    original.call(session, frame)
  }
}
