import type { HeldSets } from './held-sets.js'
import { isObject } from './read-set.js'
import type { SetError } from './set-error.js'
import type { TransmitterClient } from './transmitter-client.js'
import { TransmitterError } from './transmitter-error.js'

/** What a poll brought (RFC 8936 §2.3). */
export interface PollAnswer {
  /** SETs by the `jti` that the transmitter delivers them under. */
  readonly sets: readonly (readonly [jti: string, set: unknown])[]
  /** The transmitter has more, or answered more than was asked for. */
  readonly moreAvailable: boolean
}

/** SETs asked for at once, and bytes of the answer beside those that are held: SETs of 64 KiB, the longest that are read, fit in. */
const MAX_EVENTS = 64
const MAX_BYTES = 5_242_880
/** SETs acknowledged or refused in one request. */
const MAX_ACKS = 500

/**
 * Polls a stream. Acknowledgements go with the next poll: one that is lost brings the SET again. While an answer is too long,
 * fewer SETs are asked for.
 */
export class Polling {
  readonly #client: TransmitterClient
  readonly #acks = new Set<string>()
  readonly #errors = new Map<string, SetError>()
  #maxEvents = MAX_EVENTS

  constructor(client: TransmitterClient) {
    this.#client = client
  }

  /** The SET needs not be delivered again. Call once what it says is durable. */
  acknowledge(jti: string): void {
    this.#acks.add(jti)
  }

  /** The SET is refused for good. */
  refuse(jti: string, error: SetError): void {
    this.#errors.set(jti, error)
  }

  /**
   * Acknowledges, and asks for SETs; the transmitter need not wait for some to come.
   *
   * @param held SETs that are neither acknowledged nor refused: they come again, and must not keep others from coming
   */
  async poll(url: string, signal: AbortSignal, held: Pick<HeldSets, 'count' | 'bytes'>): Promise<PollAnswer> {
    const maxEvents = this.#maxEvents + held.count
    const maxBytes = MAX_BYTES + held.bytes
    const ack = [...this.#acks].slice(0, MAX_ACKS)
    const errors = [...this.#errors].slice(0, MAX_ACKS)
    const setErrs = Object.fromEntries(
      errors.map(([jti, { code, message }]) => [jti, { err: code, description: message }]),
    )
    const body = {
      maxEvents,
      returnImmediately: true,
      ...(ack.length === 0 ? {} : { ack }),
      ...(errors.length === 0 ? {} : { setErrs }),
    }
    try {
      const received = await this.#client.request({ url, method: 'POST', body, maxBytes, signal })
      const answer = readAnswer(received, maxEvents)
      for (const jti of ack) this.#acks.delete(jti)
      for (const [jti] of errors) this.#errors.delete(jti)
      if (!answer.moreAvailable) this.#maxEvents = MAX_EVENTS
      return answer
    } catch (error) {
      this.#maxEvents = Math.max(1, Math.floor(this.#maxEvents / 2))
      throw error
    }
  }
}

function readAnswer(value: unknown, maxEvents: number): PollAnswer {
  const { sets = {}, moreAvailable = false } = isObject(value) ? value : { sets: value }
  if (!isObject(sets)) throw new TransmitterError('answer', 'the poll endpoint of the transmitter answered no sets')
  const all = Object.entries(sets)
  return { sets: all.slice(0, maxEvents), moreAvailable: moreAvailable === true || all.length > maxEvents }
}
