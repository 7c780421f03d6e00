import type { Logger } from '../logging/index.js'
import type { Revocation } from '../revocation/lookup.js'
import type { TokenIdentity } from '../revocation/token-id.js'

/** Lines a second: a client that goes on asking with a revoked token must not fill the disk. */
export const LINES_A_SECOND = 10
/** How long after the first refusal that is left out it is said how many were, ms, if no other line says it before. */
const SUMMARY_AFTER = 1_000

/**
 * Says, at info, why a revoked token was refused: by what, from which source, since when. Of many refusals a second most are
 * left out; the next line, or one of its own, says how many.
 */
export class RefusalLog {
  readonly #log: Logger
  #second = 0
  #written = 0
  #leftOut = 0

  constructor(log: Logger) {
    this.#log = log
  }

  /** @param requestId called only if a line is written */
  revoked(requestId: () => string, api: string, token: TokenIdentity, revocation: Revocation, now: number): void {
    if (!this.#mayWrite(now)) {
      this.#leaveOut()
      return
    }
    this.#log.info('a revoked token was refused', {
      requestId: requestId(),
      api,
      reason: 'revoked',
      by: revocation.by,
      source: revocation.source,
      learnt: new Date(revocation.learntAt).toISOString(),
      token: token.hash,
      ...(this.#leftOut === 0 ? {} : { leftOut: this.#leftOut }),
    })
    this.#leftOut = 0
  }

  #leaveOut(): void {
    if (this.#leftOut++ > 0) return
    setTimeout(() => {
      if (this.#leftOut === 0) return
      this.#log.info('revoked tokens were refused', { leftOut: this.#leftOut })
      this.#leftOut = 0
    }, SUMMARY_AFTER).unref()
  }

  #mayWrite(now: number): boolean {
    const second = Math.floor(now / 1000)
    if (second !== this.#second) {
      this.#second = second
      this.#written = 0
    }
    return this.#written++ < LINES_A_SECOND
  }
}
