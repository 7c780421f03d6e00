import type { Sender } from 'rhea'

/** What may wait for one subscriber. */
export interface QueueLimits {
  readonly messages: number
  readonly bytes: number
}

/** The parts of rhea's sender that its types leave out (its lib/link.js). */
interface SenderInternals {
  readonly credit: number
  readonly delivery_count: number
  readonly local: { readonly attach: { snd_settle_mode?: number } }
}

/** Consumed slots are given back in one go, so that taking from the front costs nothing. */
const COMPACT_AFTER = 1024

/** One subscriber of one topic: what waits for it, and how it is sent as fast as the subscriber grants credit. */
export class Subscription {
  readonly topic: string
  readonly sender: Sender
  readonly #internals: SenderInternals
  readonly #limits: QueueLimits
  #queue: Buffer[] = []
  #next = 0
  #bytes = 0
  #sent = 0

  constructor(topic: string, sender: Sender, limits: QueueLimits) {
    this.topic = topic
    this.sender = sender
    this.#internals = sender as Sender & SenderInternals
    this.#limits = limits
    // A peer that wants settled deliveries never settles any: they would fill the session's buffer for good.
    if (sender.snd_settle_mode === 1) this.#internals.local.attach.snd_settle_mode = 1
  }

  /** Sends a message now or keeps it until there is credit. `false`: too much waits already, and it was not kept. */
  offer(message: Buffer): boolean {
    const waiting = this.#queue.length - this.#next
    if (waiting >= this.#limits.messages || this.#bytes + message.length > this.#limits.bytes) return false
    this.#queue.push(message)
    this.#bytes += message.length
    this.pump()
    return true
  }

  /** Sends what waits, as far as the subscriber's credit and rhea's buffer of unsettled deliveries go. */
  pump(): void {
    while (this.#next < this.#queue.length && this.#credit() > 0 && this.sender.sendable()) {
      const message = this.#queue[this.#next++]
      if (message === undefined) continue
      this.#bytes -= message.length
      this.#sent = Math.max(this.#sent, this.#internals.delivery_count) + 1
      this.sender.send(message, undefined, 0)
    }
    if (this.#next >= COMPACT_AFTER || this.#next === this.#queue.length) {
      this.#queue = this.#queue.slice(this.#next)
      this.#next = 0
    }
  }

  /** Answers a subscriber that asked to use up its credit (JMS: receive without waiting). */
  drain(): void {
    this.pump()
    this.sender.set_drained(true)
  }

  // rhea's own count of credit goes down only when its turn to write comes. A delivery without credit would hold up
  // the other links of the session, so what has been handed over is counted here.
  #credit(): number {
    const { credit, delivery_count: delivered } = this.#internals
    return credit + delivered - Math.max(this.#sent, delivered)
  }
}
