import type { Receiver } from 'rhea'
import { MAX_FRAME_SIZE } from './frame-guard.js'

/** The longest message that is gathered (bytes of its frames): one frame always is. */
export const MAX_MESSAGE_LENGTH = MAX_FRAME_SIZE

/** What rhea passes to a session: as much of it as matters here. */
interface TransferFrame {
  readonly size: number
  readonly performative: { message_format: number; readonly more?: boolean }
  payload?: Buffer | undefined
}

/** Any format but 0, the only one that rhea reads. */
const UNDECODED_FORMAT = 1
const EMPTY = Buffer.alloc(0)

/**
 * Has rhea deliver a link's messages as their bytes: it decodes format 0 only, and without limits. As a decoder's
 * exception would also end the connection, one bad message could keep a durable subscription from ever living. So could
 * one that is too long: only its beginning is gathered, and it is delivered as the others are.
 */
export class Transfers {
  #length = 0

  constructor(receiver: Receiver) {
    const session = receiver.session as unknown as { on_transfer(frame: TransferFrame): void }
    const original = session.on_transfer
    session.on_transfer = (frame) => {
      this.#length += frame.size
      frame.performative.message_format = UNDECODED_FORMAT
      // rhea adds nothing for a frame without a payload, but begins no message with one.
      frame.payload = this.isTooLong ? undefined : (frame.payload ?? EMPTY)
      original.call(session, frame)
      if (frame.performative.more !== true) this.#length = 0
    }
  }

  /** Of the message that is being delivered: only its beginning was gathered. */
  get isTooLong(): boolean {
    return this.#length > MAX_MESSAGE_LENGTH
  }
}
