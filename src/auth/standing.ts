import type { LRUCache } from 'lru-cache'
import { describeError, FailureLog, type Logger } from '../logging/index.js'
import type { Authenticated, Refused, Sender, StandingCheck } from './authenticator.js'
import { BoundedCalls } from './bounded-calls.js'
import type { Introspection } from './introspection.js'
import { INACTIVE, KEY_MANAGER_UNAVAILABLE } from './refusals.js'
import { tokenCache } from './token-cache.js'
import type { WatchedTokens } from './watched-tokens.js'

/** Milliseconds for an answer, waiting for a turn included. */
const TIMEOUT = 5_000
/** Questions at once, those of one client, and those that wait for their turn. */
const LIMITS = { running: 64, runningOfClient: 48, waiting: 1_024 }
/** Nobody's in particular: questions about open requests. */
const NOBODY = ''

/** What the issuer said of a token. */
interface Verdict {
  readonly active: boolean
  /** Monotonic ms at which it was asked. */
  readonly askedAt: number
}

interface Question {
  readonly askedAt: number
  /** The newest when it is answered; `undefined`: there is no answer. */
  readonly verdict: Promise<Verdict | undefined>
}

export interface StandingOptions {
  readonly introspection: Pick<Introspection, 'ask'>
  /** Milliseconds after the question for which a verdict is used. */
  readonly interval: number
  /** How many verdicts are remembered. */
  readonly capacity: number
  /** Told which tokens were called active, so that their open requests are asked about, too. */
  readonly watched?: WatchedTokens | undefined
  readonly logger: Logger
  /** Monotonic milliseconds. */
  readonly monotonic?: () => number
}

/**
 * Whether the issuer still stands by a JWT that verified: introspected (RFC 7662) once in an interval. A verdict that is older is
 * not used, not even while it is renewed: the request waits for the next, and is refused (503) if there is none. Nothing is
 * listed: a verdict that was wrong is put right by the next.
 */
export class Standing implements StandingCheck {
  readonly #options: StandingOptions
  readonly #now: () => number
  readonly #verdicts: LRUCache<string, Verdict>
  readonly #questions = new Map<string, Question>()
  readonly #calls = new BoundedCalls(LIMITS)
  readonly #failures: FailureLog

  constructor(options: StandingOptions) {
    this.#options = options
    this.#now = options.monotonic ?? (() => performance.now())
    this.#verdicts = tokenCache(options.capacity)
    this.#failures = new FailureLog(options.logger, this.#now)
  }

  confirm(
    authenticated: Authenticated,
    credential: string,
    sender?: Sender,
  ): Authenticated | Refused | Promise<Authenticated | Refused> {
    const verdict = this.#verdicts.get(credential)
    if (verdict !== undefined && this.#isFresh(verdict)) return this.#judged(verdict, authenticated, credential)
    return this.#freshVerdict(credential, sender?.network ?? NOBODY).then((answer) =>
      answer === undefined ? KEY_MANAGER_UNAVAILABLE : this.#judged(answer, authenticated, credential),
    )
  }

  #isFresh({ askedAt }: { readonly askedAt: number }): boolean {
    return this.#now() < askedAt + this.#options.interval
  }

  #judged({ active, askedAt }: Verdict, authenticated: Authenticated, credential: string): Authenticated | Refused {
    if (!active) return INACTIVE
    const { watched, interval } = this.#options
    watched?.confirmed(authenticated.identity, { credential, interval, askedAt })
    return authenticated
  }

  /** Asks again, for {@link TIMEOUT} at most, where an answer took so long that it is too old. */
  async #freshVerdict(credential: string, network: string): Promise<Verdict | undefined> {
    const until = this.#now() + TIMEOUT
    do {
      const verdict = await this.#ask(credential, network)
      if (verdict === undefined || this.#isFresh(verdict)) return verdict
    } while (this.#now() < until)
    return undefined
  }

  /** Requests that bring the same token share a question, unless its answer would be too old for them. */
  #ask(credential: string, network: string): Promise<Verdict | undefined> {
    const asked = this.#questions.get(credential)
    if (asked !== undefined && this.#isFresh(asked)) return asked.verdict
    const askedAt = this.#now()
    const question = {
      askedAt,
      verdict: this.#answer(credential, network, askedAt).finally(() => {
        if (this.#questions.get(credential) === question) this.#questions.delete(credential)
      }),
    }
    this.#questions.set(credential, question)
    return question.verdict
  }

  async #answer(credential: string, network: string, askedAt: number): Promise<Verdict | undefined> {
    const signal = AbortSignal.timeout(TIMEOUT)
    try {
      const ask = () => this.#options.introspection.ask(credential, signal)
      const verdict = { active: (await this.#calls.run(ask, signal, network)) !== undefined, askedAt }
      const known = this.#verdicts.get(credential)
      this.#failures.over()
      if (known !== undefined && known.askedAt >= askedAt) return known
      this.#verdicts.set(credential, verdict)
      return verdict
    } catch (error) {
      this.#failures.failed('error', 'introspection of a JWT failed', describeError(error))
      return undefined
    }
  }
}
