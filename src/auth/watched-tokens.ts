import type { TokenIdentity } from '../token/index.js'

/** When the issuer last said that a token is active, and how it is asked again. */
export interface Confirmation {
  readonly credential: string
  /** Milliseconds after which it has to be asked again. */
  readonly interval: number
  /** Monotonic ms at which it was asked. */
  readonly askedAt: number
}

/** The tokens that their issuers are asked about again and again, by the identity that their open requests are tracked under. */
export class WatchedTokens {
  readonly #confirmations = new WeakMap<TokenIdentity, Confirmation>()
  #shortest = Number.POSITIVE_INFINITY

  /** The issuer has said that the token is active. */
  confirmed(identity: TokenIdentity, confirmation: Confirmation): void {
    this.#confirmations.set(identity, confirmation)
    this.#shortest = Math.min(this.#shortest, confirmation.interval)
  }

  /** The issuer is asked no longer. */
  forget(identity: TokenIdentity): void {
    this.#confirmations.delete(identity)
  }

  /** `undefined` for a token whose issuer is not asked. */
  of(identity: TokenIdentity): Confirmation | undefined {
    return this.#confirmations.get(identity)
  }

  /** The shortest interval of any token so far, ms; infinite while there is none. */
  get shortest(): number {
    return this.#shortest
  }
}
