import { describeError } from '../logging/index.js'
import { type Asker, type RevocationRecord, UnconfirmedRevocation } from '../revocation/index.js'
import type { HandoverFailure, ToPrimary } from './messages.js'
import { PendingCalls } from './pending-calls.js'

/** How long to wait for the primary's answer, ms: longer than it waits for its disk, its store and its workers. */
export const HANDOVER_TIMEOUT = 8_000

/** Sends to the primary. Calls `undelivered` if the message can't be sent. */
export type SendToPrimary = (message: ToPrimary, undelivered: () => void) => void

export interface HandoverOptions {
  readonly send: SendToPrimary
  readonly timeout?: number
}

/** Revocations that arrived through this worker and wait for the primary's answer. */
export class PendingHandovers {
  readonly #send: SendToPrimary
  readonly #calls: PendingCalls<HandoverFailure | undefined>

  constructor({ send, timeout = HANDOVER_TIMEOUT }: HandoverOptions) {
    this.#send = send
    this.#calls = new PendingCalls(timeout)
  }

  /**
   * Hands a revocation to the primary; resolves when it has confirmed it. Rejects with {@link UnconfirmedRevocation} when the
   * primary reports a failure, does not answer in time, or is gone.
   */
  async revoke(record: RevocationRecord | undefined, asker: Asker): Promise<void> {
    const failure = await this.#calls.ask(
      (number, undelivered) => this.#send({ kind: 'revoke', number, record, asker }, undelivered),
      (message) => ({ code: 'ERR_REVOCATION_HANDOVER', message }),
    )
    if (failure !== undefined) throw new UnconfirmedRevocation(failure.code, failure.message)
  }

  /** The primary's answer. */
  settle(number: number, failure: HandoverFailure | undefined): void {
    this.#calls.settle(number, failure)
  }

  /** The primary is gone: fails all that wait. */
  lost(): void {
    this.#calls.lost()
  }
}

/** The primary's answer for a revocation: empty, or why it is not confirmed. Never rejects. */
export async function outcomeOf(revocation: Promise<void>): Promise<{ failure?: HandoverFailure }> {
  try {
    await revocation
    return {}
  } catch (error) {
    const code = error instanceof UnconfirmedRevocation ? error.code : 'ERR_REVOCATION_HANDOVER'
    return { failure: { code, message: describeError(error) } }
  }
}
