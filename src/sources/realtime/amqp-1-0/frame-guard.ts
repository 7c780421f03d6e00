import { BrokerProtocolError } from '../broker/broker.js'

/** The longest frame that is taken in (bytes), and what we tell the broker of it in `open`. */
export const MAX_FRAME_SIZE = 1024 * 1024
/**
 * The most bytes that may come between two complete messages: a message may be cut into any number of frames. Twice of
 * what RabbitMQ takes from a publisher.
 */
export const MAX_BYTES_PER_MESSAGE = 256 * 1024 * 1024

const HEADER_LENGTH = 8
const SIZE_LENGTH = 4
/** "AMQP" in place of a frame's size: each protocol layer begins with it. */
const PROTOCOL_HEADER = 0x414d5150
/** The peer's idle frames have this length; they belong to no message. */
const EMPTY_FRAME_LENGTH = 8

/**
 * Watches the bytes that a broker sends, for what rhea does not check: that it speaks AMQP 1.0 at all, that no frame is
 * longer than {@link MAX_FRAME_SIZE}, and that every message ends.
 */
export class FrameGuard {
  #pending = Buffer.alloc(0)
  #toSkip = 0
  #sinceMessage = 0
  #started = false

  /** Call when a message is complete. */
  messageCompleted(): void {
    this.#sinceMessage = 0
  }

  /** Looks at the next bytes from the wire. Throws BrokerProtocolError when the connection must end. */
  watch(chunk: Buffer): void {
    let rest = chunk
    while (rest.length > 0) {
      if (this.#toSkip > 0) {
        const skipped = Math.min(this.#toSkip, rest.length)
        this.#toSkip -= skipped
        rest = rest.subarray(skipped)
        continue
      }
      const wanted = this.#started ? SIZE_LENGTH : HEADER_LENGTH
      const taken = rest.subarray(0, wanted - this.#pending.length)
      this.#pending = Buffer.concat([this.#pending, taken])
      rest = rest.subarray(taken.length)
      if (this.#pending.length === wanted) this.#begin(this.#pending)
    }
  }

  #begin(start: Buffer): void {
    this.#pending = Buffer.alloc(0)
    if (!this.#started) {
      const foreign = foreignProtocol(start)
      if (foreign !== undefined) throw new BrokerProtocolError(`expected AMQP 1.0, found ${foreign}`)
      this.#started = true
      return
    }
    const size = start.readUInt32BE(0)
    if (size === PROTOCOL_HEADER) {
      this.#toSkip = HEADER_LENGTH - SIZE_LENGTH
      return
    }
    if (size < EMPTY_FRAME_LENGTH || size > MAX_FRAME_SIZE) throw new BrokerProtocolError(`a frame of ${size} bytes`)
    this.#toSkip = size - SIZE_LENGTH
    if (size > EMPTY_FRAME_LENGTH) this.#sinceMessage += size
    if (this.#sinceMessage > MAX_BYTES_PER_MESSAGE) throw new BrokerProtocolError('a message that does not end')
  }
}

/** Names the protocol whose first 8 bytes these are, if they are not AMQP 1.0's. */
export function foreignProtocol(start: Buffer): string | undefined {
  const text = start.toString('latin1')
  if (text.startsWith('AMQP')) {
    const [major = 0, minor = 0, revision = 0] = start.subarray(5)
    if (major === 1 && minor === 0) return undefined
    return minor === 9 || minor === 8 || revision === 9 ? 'AMQP 0-9-1 (use an amqp:// URL)' : 'another version of AMQP'
  }
  // OpenWire's broker speaks first: a size, the command 1 (WireFormatInfo) and its magic, "ActiveMQ".
  if (start[4] === 1 && text.endsWith('Act')) return 'OpenWire (use a tcp:// URL)'
  if (start[0] === 0x15 && start[1] === 3) return 'TLS (use an amqp10s:// URL)'
  if (text.startsWith('HTTP/')) return 'HTTP'
  return 'an unknown protocol'
}
