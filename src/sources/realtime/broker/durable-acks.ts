import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import { describeError, type Logger } from '../../../logging/index.js'

export interface DurableAcksOptions<Delivery> {
  /** Resolves when what was delivered so far outlives this process; rejects when it cannot be stored now. */
  stored(): Promise<void>
  /** Acknowledges `count` deliveries, of which this is the last. Must not throw. */
  acknowledge(last: Delivery, count: number): void
  readonly logger: Logger
  /** Milliseconds until what could not be stored is tried again. Default 1 s. */
  readonly retryDelay?: number
}

const RETRY_DELAY = 1_000
/** How long `end` waits for what is being stored, ms. */
const END_PATIENCE = 500

/**
 * Acknowledges deliveries once they are stored, in batches: a broker that keeps what is not acknowledged redelivers
 * it after a crash. While nothing can be stored, nothing is acknowledged: the number that a broker
 * has under way at most then stops the flow.
 */
export class DurableAcks<Delivery> {
  readonly #options: DurableAcksOptions<Delivery>
  readonly #over = new AbortController()
  #last: Delivery | undefined
  #count = 0
  #running: Promise<void> | undefined
  #isEnding = false
  #warned = false

  constructor(options: DurableAcksOptions<Delivery>) {
    this.#options = options
  }

  /** Notes a delivery that the sink has got. */
  add(delivery: Delivery): void {
    this.#last = delivery
    this.#count++
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
    })
  }

  /** Acknowledges what can be stored at once. Later, nothing is acknowledged any more. */
  async end(): Promise<void> {
    this.#isEnding = true
    const limit = setTimeout(() => this.#over.abort(), END_PATIENCE)
    const over = new Promise<void>((resolve) =>
      this.#over.signal.addEventListener('abort', () => resolve(), { once: true }),
    )
    if (this.#warned) this.#over.abort()
    await Promise.race([this.#running, over])
    clearTimeout(limit)
    this.#over.abort()
  }

  async #run(): Promise<void> {
    await turn() // one batch of all that this turn of the event loop brings
    while (this.#last !== undefined && !this.#over.signal.aborted) {
      const [last, count] = [this.#last, this.#count]
      try {
        await this.#options.stored()
      } catch (error) {
        if (this.#isEnding) return
        await this.#failed(error)
        continue
      }
      if (this.#over.signal.aborted) return
      this.#warned = false
      this.#count -= count
      if (this.#count === 0) this.#last = undefined
      this.#options.acknowledge(last, count)
    }
  }

  async #failed(error: unknown): Promise<void> {
    const { logger, retryDelay = RETRY_DELAY } = this.#options
    if (!this.#warned) {
      logger.warn('cannot acknowledge revocations of the durable subscription: they are not in the journal yet', {
        reason: describeError(error),
      })
    }
    this.#warned = true
    await sleep(retryDelay, undefined, { signal: this.#over.signal }).catch(() => undefined)
  }
}
