import { type Authenticated, isRefused, type Refused, type WatchedTokens } from '../auth/index.js'
import { faults } from '../faults/index.js'
import { describeError, type Logger } from '../logging/index.js'
import type { RequestMetrics } from '../metrics/index.js'
import type { OpenRequests } from '../proxy/index.js'
import { type Clock, systemClock } from '../time/index.js'
import type { TokenIdentity } from '../token/index.js'

/** How often open requests are looked at in an interval, and the bounds of the time between, ms. */
const LOOKS = 8
const SHORTEST_LOOK = 100
const LONGEST_LOOK = 1_000
/** Questions at once: no client waits for these. */
const MAX_ASKING = 32
/** By up to this part of an interval a question is put off: not all that began together are asked about at once. */
const SPREAD = 0.25
/** Intervals after which open requests end of which nobody says whether their token is still active. */
const PATIENCE = 2
const INACTIVE = new Error('the issuer does not stand by the token any more')

export interface StandingWatchOptions {
  readonly openRequests: OpenRequests<TokenIdentity>
  readonly watched: WatchedTokens
  /** Authenticates as for a new request. */
  readonly authenticate: (credential: string) => Promise<Authenticated | Refused>
  readonly metrics: RequestMetrics
  readonly logger: Logger
  readonly clock?: Clock
}

/**
 * Asks the issuers about the tokens of open requests, streams and WebSockets too, as soon as a verdict may be used no more, and
 * ends those of a token that is active no more: at the latest two intervals after the last time that it was known to be.
 */
export class StandingWatch {
  readonly #options: StandingWatchOptions
  readonly #clock: Clock
  /** Tokens that are to be asked about. */
  readonly #due = new Set<TokenIdentity>()
  #lanes = 0
  #cancel: () => void = () => undefined

  constructor(options: StandingWatchOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
  }

  start(): void {
    const { watched } = this.#options
    const pause = Math.min(LONGEST_LOOK, Math.max(SHORTEST_LOOK, watched.shortest / LOOKS))
    this.#cancel = this.#clock.after(pause, () => {
      if (watched.shortest !== Number.POSITIVE_INFINITY) this.#look()
      this.start()
    })
  }

  stop(): void {
    this.#cancel()
  }

  #look(): void {
    const { openRequests, watched } = this.#options
    const now = this.#clock.elapsed()
    const late: TokenIdentity[] = []
    for (const identity of openRequests.open()) {
      const confirmation = watched.of(identity)
      if (confirmation === undefined) continue
      const age = now - confirmation.askedAt
      if (age >= PATIENCE * confirmation.interval) late.push(identity)
      else if (age >= confirmation.interval * (1 + SPREAD * this.#clock.random())) this.#due.add(identity)
    }
    for (const identity of late) this.#end(identity, 'unconfirmed')
    while (this.#lanes < MAX_ASKING && this.#due.size > 0) void this.#askAll()
  }

  /** Asks about one token after the other, until none is due. */
  async #askAll(): Promise<void> {
    this.#lanes++
    for (const identity of this.#due) {
      this.#due.delete(identity)
      await this.#ask(identity)
    }
    this.#lanes--
  }

  async #ask(identity: TokenIdentity): Promise<void> {
    const confirmation = this.#options.watched.of(identity)
    if (confirmation === undefined) return
    try {
      const outcome = await this.#options.authenticate(confirmation.credential)
      if (!isRefused(outcome)) this.#stands(identity, outcome)
      else if (outcome.fault !== faults.keyManagerUnavailable) this.#end(identity, 'inactive')
    } catch (error) {
      // Nothing is known of it: it is asked about again, until it is late.
      this.#options.logger.debug('token of an open request could not be judged', { reason: describeError(error) })
    }
  }

  /**
   * The token may have been verified again since: then its open requests are tracked under the identity of before. One that is
   * accepted without a confirmation is of an issuer that is asked no longer, since a reload.
   */
  #stands(identity: TokenIdentity, { identity: current }: Authenticated): void {
    const { watched } = this.#options
    const confirmation = watched.of(current)
    if (confirmation === undefined) watched.forget(identity)
    else watched.confirmed(identity, confirmation)
  }

  #end(identity: TokenIdentity, reason: 'inactive' | 'unconfirmed'): void {
    const { openRequests, metrics, logger } = this.#options
    const requests = openRequests.endOf(identity, INACTIVE)
    if (requests === 0) return
    metrics.ended(requests, reason)
    logger.info('open requests of a token ended that its issuer does not confirm', { requests, reason })
  }
}
