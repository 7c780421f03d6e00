import type { Logger } from '../logging/index.js'
import { Outbox, type OutboxDirectory, type OutboxStatus, type StorePut } from '../outbox/index.js'

export interface PutOutboxesOptions {
  readonly directory: OutboxDirectory | undefined
  readonly logger: Logger
  /** There is something to read. */
  readable(): void
  /** The disk did not take it: it is in memory alone. */
  unkept(put: StorePut, outbox: Outbox): void
}

/**
 * Where revocations that the store has not taken are kept across restarts: in one outbox those still to be put, in another
 * those that the store refused, so that these hold back no others. Without a directory there is neither.
 */
export class PutOutboxes {
  readonly waiting: Outbox | undefined
  readonly refused: Outbox | undefined
  readonly #directory: OutboxDirectory | undefined
  readonly #reading = new Set<Outbox>()
  #isClosed = false

  constructor({ directory, logger, readable, unkept }: PutOutboxesOptions) {
    const outboxOf = (name: string): Outbox | undefined => {
      if (directory === undefined) return undefined
      const outbox: Outbox = new Outbox({
        directory,
        name,
        logger,
        readable,
        unkept: (put) => unkept(put, outbox),
      })
      return outbox
    }
    this.#directory = directory
    this.waiting = outboxOf('waiting')
    this.refused = outboxOf('refused')
  }

  /** How many are kept. */
  get size(): number {
    return (this.waiting?.size ?? 0) + (this.refused?.size ?? 0)
  }

  /** Of both outboxes; `undefined` if there are none. */
  status(): (OutboxStatus & { readonly path: string }) | undefined {
    const [waiting, refused] = [this.waiting?.status(), this.refused?.status()]
    if (this.#directory === undefined || waiting === undefined || refused === undefined) return undefined
    const error = waiting.error ?? refused.error
    const damages = waiting.damages + refused.damages
    return { path: this.#directory.path, damages, ...(error === undefined ? {} : { error }) }
  }

  /** Reads on in an outbox, up to `most` in memory, if fewer than half of that are `present`. */
  read(outbox: Outbox | undefined, most: number, present: number, take: (found: readonly StorePut[]) => void): void {
    if (this.#isClosed || outbox?.hasUnread !== true || present > most / 2 || this.#reading.has(outbox)) return
    this.#reading.add(outbox)
    void outbox.read(most - present).then((found) => {
      this.#reading.delete(outbox)
      take(found)
    })
  }

  /** Resolves when the disk has all that was appended; rejects when it does not take it. */
  async flush(): Promise<void> {
    await Promise.all([this.waiting?.flush(), this.refused?.flush()])
  }

  /** Reads no more. */
  stopReading(): void {
    this.#isClosed = true
  }

  async close(): Promise<void> {
    await this.waiting?.close()
    await this.refused?.close()
    await this.#directory?.release()
  }
}
