import { UnconfirmedRevocation } from '../revocation/index.js'

interface Waiting {
  readonly sequence: number
  readonly until: number
  readonly resolve: () => void
  readonly reject: (error: UnconfirmedRevocation) => void
}

/** Calls that wait until every worker enforces the list up to a sequence number, in order of arrival. */
export class PendingEnforcements {
  #waiting: Waiting[] = []

  get isEmpty(): boolean {
    return this.#waiting.length === 0
  }

  /** Resolves once `sequence` is {@link settle}d; rejects with {@link UnconfirmedRevocation} if that takes beyond `until`. */
  wait(sequence: number, until: number): Promise<void> {
    return new Promise((resolve, reject) => this.#waiting.push({ sequence, until, resolve, reject }))
  }

  /** Every worker enforces the list up to `sequence`, at time `now`. */
  settle(sequence: number, now: number): void {
    const left = this.#waiting.findIndex((each) => each.sequence > sequence && each.until > now)
    for (const each of this.#waiting.splice(0, left < 0 ? this.#waiting.length : left)) {
      if (each.sequence <= sequence) each.resolve()
      else each.reject(notEnforced('a worker has not acknowledged the revocation and may still serve'))
    }
  }

  /** Rejects all that wait. */
  close(): void {
    for (const { reject } of this.#waiting.splice(0)) reject(notEnforced('the gateway is stopping'))
  }
}

function notEnforced(message: string): UnconfirmedRevocation {
  return new UnconfirmedRevocation('ERR_REVOCATION_NOT_ENFORCED', message)
}
