import type { Duplex } from 'node:stream'

/** Bytes that are kept; a client that sends more waits, and is not seen to leave meanwhile. */
const MOST = 65_536

/**
 * What a client sends behind its request for a WebSocket before that is answered. It should send nothing (RFC 6455 §4.1), but
 * who does not read does not notice either that the client leaves.
 */
export class EarlyFrames {
  readonly #socket: Duplex
  readonly #left: () => void
  readonly #parts: Buffer[]
  #length: number

  /** @param head what came with the request; @param left called when the client closes its side */
  constructor(socket: Duplex, head: Buffer, left: () => void) {
    this.#socket = socket
    this.#left = left
    this.#parts = [head]
    this.#length = head.length
    socket.on('data', this.#keep).once('end', left)
  }

  /** Stops reading; returns what came so far, once. */
  take(): Buffer {
    this.#socket.off('data', this.#keep).off('end', this.#left).pause()
    return Buffer.concat(this.#parts.splice(0))
  }

  readonly #keep = (part: Buffer): void => {
    this.#parts.push(part)
    this.#length += part.length
    if (this.#length > MOST) this.#socket.pause()
  }
}
