import type { Notice, NoticeAnswer } from '../sources/identity-provider/index.js'
import { PendingCalls } from './pending-calls.js'
import { HANDOVER_TIMEOUT, type SendToPrimary } from './pending-handovers.js'

/** The key set may have to be fetched first. Milliseconds. */
const NOTICE_TIMEOUT = HANDOVER_TIMEOUT + 10_000
const UNANSWERED: NoticeAnswer = { status: 503, body: { error: 'temporarily_unavailable' }, retryAfter: 5 }

/** Notices of identity providers that arrived through this worker and wait for the primary's answer. */
export class PendingNotices {
  readonly #send: SendToPrimary
  readonly #calls = new PendingCalls<NoticeAnswer>(NOTICE_TIMEOUT)

  constructor(send: SendToPrimary) {
    this.#send = send
  }

  /** Hands a notice to the primary. Resolves to its answer, or to a 503 if there is none. */
  receive(notice: Notice): Promise<NoticeAnswer> {
    return this.#calls.ask(
      (number, undelivered) => this.#send({ kind: 'notice', number, notice }, undelivered),
      () => UNANSWERED,
    )
  }

  /** The primary's answer. */
  settle(number: number, answer: NoticeAnswer): void {
    this.#calls.settle(number, answer)
  }

  /** The primary is gone: all that wait are answered 503. */
  lost(): void {
    this.#calls.lost()
  }
}
