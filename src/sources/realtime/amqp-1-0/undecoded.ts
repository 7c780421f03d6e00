import type { Receiver } from 'rhea'

/**
 * Has rhea deliver this link's messages as their bytes: it decodes format 0 only, and without limits. As a decoder's
 * exception would also end the connection, one bad message could keep a durable subscription from ever living.
 */
export function leaveUndecoded(receiver: Receiver): void {
  const session = receiver.session as unknown as { on_transfer(frame: TransferFrame): void }
  const original = session.on_transfer
  session.on_transfer = (frame) => {
    frame.performative.message_format = UNDECODED_FORMAT
    original.call(session, frame)
  }
}

interface TransferFrame {
  readonly performative: { message_format: number }
}

/** Any format but 0, the only one that rhea reads. */
const UNDECODED_FORMAT = 1
