import type { Fields, Logger } from '../../logging/index.js'
import type { Revocation } from '../../revocation/index.js'
import type { TokenIdentity } from '../../token/index.js'
import { LineLimit } from './line-limit.js'

/**
 * Logs, at info, why a revoked token was refused: by what, from which source, since when. Limits the lines per second; the
 * next line, or a summary, has the number of suppressed ones.
 */
export class RefusalLog {
  readonly #log: Logger
  readonly #limit: LineLimit

  constructor(log: Logger) {
    this.#log = log
    this.#limit = new LineLimit((leftOut) => log.info('revoked tokens refused', { leftOut }))
  }

  /** @param names of the request; called only if a line is written */
  revoked(names: () => Fields, api: string, token: TokenIdentity, revocation: Revocation, now: number): void {
    const more = this.#limit.next(now)
    if (more === undefined) return
    this.#log.info('revoked token refused', {
      ...names(),
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
