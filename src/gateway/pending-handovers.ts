import { describeError } from '../logging/index.js'
import { type RevocationRecord, UnconfirmedRevocation } from '../revocation/index.js'
import type { HandoverFailure, ToPrimary } from './messages.js'

/** How long the primary's word is waited for, ms: longer than it waits for its disk, its store and its workers. */
export const HANDOVER_TIMEOUT = 8_000

interface Pending {
  readonly timer: NodeJS.Timeout
  readonly resolve: () => void
  readonly reject: (error: UnconfirmedRevocation) => void
}

export interface HandoverOptions {
  /** To the primary. `undelivered` is called if the message can't be sent. */
  readonly send: (message: ToPrimary, undelivered: () => void) => void
  readonly timeout?: number
}

/** Revocations that came through this worker, were handed to the primary, and wait for its word. */
export class PendingHandovers {
  readonly #options: HandoverOptions
  readonly #pending = new Map<number, Pending>()
  #last = 0

  constructor(options: HandoverOptions) {
    this.#options = options
  }

  /**
   * Resolves when the primary has confirmed the revocation. Rejects with {@link UnconfirmedRevocation} when it says that it
   * can't, when it says nothing, and when it is gone: that it was told proves nothing.
   */
  revoke(record: RevocationRecord | undefined): Promise<void> {
    const number = ++this.#last
    return new Promise((resolve, reject) => {
      const { send, timeout = HANDOVER_TIMEOUT } = this.#options
      const fail = (message: string) => () => this.settle(number, { code: 'ERR_REVOCATION_HANDOVER', message })
      const timer = setTimeout(fail(`the primary did not confirm the revocation within ${timeout} ms`), timeout)
      this.#pending.set(number, { timer, resolve, reject })
      send({ kind: 'revoke', number, record }, fail(GONE))
    })
  }

  /** The primary's word, or what stands for it. */
  settle(number: number, failure: HandoverFailure | undefined): void {
    const pending = this.#pending.get(number)
    if (pending === undefined) return
    this.#pending.delete(number)
    clearTimeout(pending.timer)
    if (failure === undefined) pending.resolve()
    else pending.reject(new UnconfirmedRevocation(failure.code, failure.message))
  }

  /** The primary is gone, and its word will not come. */
  lost(): void {
    for (const number of [...this.#pending.keys()])
      this.settle(number, { code: 'ERR_REVOCATION_HANDOVER', message: GONE })
  }
}

const GONE = 'the primary process is gone'

/** What a worker is told of a revocation: nothing more than its number, or why it can't be confirmed. */
export async function outcomeOf(revocation: Promise<void>): Promise<{ failure?: HandoverFailure }> {
  try {
    await revocation
    return {}
  } catch (error) {
    const code = error instanceof UnconfirmedRevocation ? error.code : 'ERR_REVOCATION_HANDOVER'
    return { failure: { code, message: describeError(error) } }
  }
}
