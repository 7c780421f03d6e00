import type { Logger } from '../logging/index.js'
import type { Revocation } from '../revocation/index.js'
import type { TokenIdentity } from '../token/index.js'
import { LineLimit } from './line-limit.js'

/**
 * Says, at info, why a revoked token was refused: by what, from which source, since when. Of many refusals a second most are
 * left out; the next line, or one of its own, says how many.
 */
export class RefusalLog {
  readonly #log: Logger
  readonly #limit: LineLimit

  constructor(log: Logger) {
    this.#log = log
    this.#limit = new LineLimit((leftOut) => log.info('revoked tokens were refused', { leftOut }))
  }

  /** @param requestId called only if a line is written */
  revoked(requestId: () => string, api: string, token: TokenIdentity, revocation: Revocation, now: number): void {
    const more = this.#limit.next(now)
    if (more === undefined) return
    this.#log.info('a revoked token was refused', {
      requestId: requestId(),
      api,
      reason: 'revoked',
      by: revocation.by,
      source: revocation.source,
      learnt: new Date(revocation.learntAt).toISOString(),
      token: token.hash,
      ...more,
    })
  }
}
