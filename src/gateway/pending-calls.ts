interface Pending<Answer> {
  readonly timer: NodeJS.Timeout
  readonly settle: (answer: Answer) => void
  readonly failed: (why: string) => Answer
}

const GONE = 'the primary process is gone'

/** What a worker has asked the primary, until it is answered: in time, or not at all. A message sent proves nothing. */
export class PendingCalls<Answer> {
  readonly #timeout: number
  readonly #pending = new Map<number, Pending<Answer>>()
  #last = 0

  /** @param timeout milliseconds for an answer */
  constructor(timeout: number) {
    this.#timeout = timeout
  }

  /**
   * Resolves to the primary's answer, or to what `failed` makes of why there is none. Never rejects.
   *
   * @param send sends the call with this number, and calls `undelivered` if it cannot
   */
  ask(send: (number: number, undelivered: () => void) => void, failed: (why: string) => Answer): Promise<Answer> {
    const number = ++this.#last
    return new Promise((settle) => {
      const late = () => this.#fail(number, `the primary did not answer within ${this.#timeout} ms`)
      this.#pending.set(number, { timer: setTimeout(late, this.#timeout), settle, failed })
      send(number, () => this.#fail(number, GONE))
    })
  }

  /** The primary's answer to a call. */
  settle(number: number, answer: Answer): void {
    const pending = this.#pending.get(number)
    if (pending === undefined) return
    this.#pending.delete(number)
    clearTimeout(pending.timer)
    pending.settle(answer)
  }

  /** The primary is gone: fails all that wait. */
  lost(): void {
    for (const number of [...this.#pending.keys()]) this.#fail(number, GONE)
  }

  #fail(number: number, why: string): void {
    const pending = this.#pending.get(number)
    if (pending !== undefined) this.settle(number, pending.failed(why))
  }
}
