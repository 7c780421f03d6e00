import { describeError } from '../logging/index.js'
import { type Asker, type RevocationRecord, UnconfirmedRevocation } from '../revocation/index.js'
import type { HandoverFailure, ToPrimary } from './messages.js'

/** How long to wait for the primary's answer, ms: longer than it waits for its disk, its store and its workers. */
export const HANDOVER_TIMEOUT = 8_000

interface Pending {
  readonly timer: NodeJS.Timeout
  readonly resolve: () => void
  readonly reject: (error: UnconfirmedRevocation) => void
}

export interface HandoverOptions {
  /** Sends to the primary. Calls `undelivered` if the message can't be sent. */
  readonly send: (message: ToPrimary, undelivered: () => void) => void
  readonly timeout?: number
}

/** Revocations that arrived through this worker and wait for the primary's answer. */
export class PendingHandovers {
  readonly #options: HandoverOptions
  readonly #pending = new Map<number, Pending>()
  #last = 0

  constructor(options: HandoverOptions) {
    this.#options = options
  }

  /**
   * Hands a revocation to the primary; resolves when it has confirmed it. Rejects with {@link UnconfirmedRevocation} when the
   * primary reports a failure, does not answer in time, or is gone: a message sent proves nothing.
   */
  revoke(record: RevocationRecord | undefined, asker: Asker): Promise<void> {
    const number = ++this.#last
    return new Promise((resolve, reject) => {
      const { send, timeout = HANDOVER_TIMEOUT } = this.#options
      const fail = (message: string) => () => this.settle(number, { code: 'ERR_REVOCATION_HANDOVER', message })
      const timer = setTimeout(fail(`the primary did not confirm the revocation within ${timeout} ms`), timeout)
      this.#pending.set(number, { timer, resolve, reject })
      send({ kind: 'revoke', number, record, asker }, fail(GONE))
    })
  }

  /** The primary's answer, or a failure in its place. */
  settle(number: number, failure: HandoverFailure | undefined): void {
    const pending = this.#pending.get(number)
    if (pending === undefined) return
    this.#pending.delete(number)
    clearTimeout(pending.timer)
    if (failure === undefined) pending.resolve()
    else pending.reject(new UnconfirmedRevocation(failure.code, failure.message))
  }

  /** The primary is gone: fails all that wait. */
  lost(): void {
    for (const number of [...this.#pending.keys()])
      this.settle(number, { code: 'ERR_REVOCATION_HANDOVER', message: GONE })
  }
}

const GONE = 'the primary process is gone'

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
