/** Flushed early at this many, so that a long burst can't exhaust the prefetch. */
const MAX_BATCH = 1_000

/**
 * Gathers acknowledgements into ranges: one for all messages that a turn of the event loop brought.
 * `send` acknowledges `count` messages, the last of which has this id.
 */
export class Acknowledger {
  readonly #send: (lastMessageId: Buffer, count: number) => void
  #last: Buffer | undefined
  #count = 0
  #scheduled: NodeJS.Immediate | undefined

  constructor(send: (lastMessageId: Buffer, count: number) => void) {
    this.#send = send
  }

  add(messageId: Buffer): void {
    this.#last = messageId
    this.#count++
    if (this.#count >= MAX_BATCH) this.#flush()
    else this.#scheduled ??= setImmediate(() => this.#flush())
  }

  /** Sends at once what has been gathered. */
  async end(): Promise<void> {
    this.#flush()
  }

  #flush(): void {
    clearImmediate(this.#scheduled)
    this.#scheduled = undefined
    if (this.#last === undefined) return
    this.#send(this.#last, this.#count)
    this.#last = undefined
    this.#count = 0
  }
}
