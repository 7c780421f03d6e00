import { type VerificationKeys, verifyMessage } from '../../auth/index.js'
import { FailureLog, type Logger } from '../../logging/index.js'
import type { Clock } from '../../time/index.js'
import { type NoticeSink, RecentIds } from '../identity-provider/index.js'
import type { MalformedReport } from '../source.js'
import { type EventRules, interpret, type StreamNews } from './interpret.js'
import { readSet, SET_TYPE, type SecurityEventToken } from './read-set.js'
import { recordsOf } from './records-of.js'
import { SetError } from './set-error.js'

/** The stream whose SETs are received, as far as it is known by now. */
export interface ReceivedStream {
  readonly issuer: string
  readonly audience: readonly string[]
  readonly keys: readonly VerificationKeys[]
  readonly rules: EventRules
}

export interface SetReceiverOptions {
  /** The `iss` of the tokens: records are about nobody else's. */
  readonly tokenIssuer: string
  /** Epoch ms: a SET that was issued later than this is not believed yet. */
  readonly latest: () => number
  /** What a SET says of the stream itself; throws {@link SetError} for what it should not. */
  readonly news: (told: StreamNews) => void
  readonly clock: Clock
  readonly logger: Logger
  /** Of the source, for the log. */
  readonly name: string
}

/** SETs that are remembered. */
const REMEMBERED = 10_000

/**
 * Receives the SETs of a stream, however they are delivered: verifies and reads each, and revokes what it ends. What resolves may
 * be acknowledged.
 */
export class SetReceiver {
  readonly #options: SetReceiverOptions
  readonly #recent = new RecentIds(REMEMBERED)
  readonly #refused = new Map<string, number>()
  readonly #failures: FailureLog

  constructor(options: SetReceiverOptions) {
    this.#options = options
    this.#failures = new FailureLog(options.logger, () => options.clock.elapsed())
  }

  /** SETs that were refused, by reason. */
  malformed(): MalformedReport | undefined {
    return this.#refused.size === 0 ? undefined : { malformed: Object.fromEntries(this.#refused) }
  }

  /**
   * Resolves when what the SET ends is revoked, durably; to whether it is new. Rejects with {@link SetError} for one that is not
   * accepted, with `JwksUnavailable` or `UnconfirmedRevocation` while it can be neither accepted nor refused.
   *
   * @param jti the name by which it was delivered, if it has one
   */
  async receive(jws: string, stream: ReceivedStream, sink: NoticeSink, jti?: string): Promise<boolean> {
    const set = await this.#verified(jws, stream)
    if (jti !== undefined && set.jti !== jti) {
      throw new SetError('invalid_request', 'jti', 'the SET has another jti than the one that it was delivered by')
    }
    // By all that it is: of two SETs that share a `jti` by mistake neither is lost.
    if (this.#recent.has(jws)) return false
    const { ended, news, problem } = interpret(set, stream.rules)
    const records = ended.flatMap((each) => recordsOf(each, this.#options.tokenIssuer, stream.rules.emailClaim))
    if (records.length > 0) await sink.revoke(records)
    for (const each of news) this.#options.news(each)
    if (problem !== undefined) throw problem
    this.#recent.add(jws)
    return true
  }

  /** Counts and logs a SET that is refused for good. An event that is not applied is an error: somebody keeps access. */
  refused(error: SetError): void {
    this.#refused.set(error.reason, (this.#refused.get(error.reason) ?? 0) + 1)
    const level = error.code === 'authentication_failed' ? 'warn' : 'error' // it need not be the transmitter's
    this.#failures.failed(level, 'security event not applied', error.message, { source: this.#options.name })
  }

  async #verified(jws: string, { issuer, audience, keys }: ReceivedStream): Promise<SecurityEventToken> {
    const message = await verifyMessage(jws.trim(), keys, [SET_TYPE])
    if ('problem' in message) throw unverified(message.problem)
    return readSet(message.claims, { issuer, audience, latest: this.#options.latest() })
  }
}

function unverified(problem: string): SetError {
  // The key may be a new one, that was not fetched yet.
  if (problem === 'key')
    return new SetError('invalid_key', problem, 'signed with a key that the transmitter does not have', true)
  if (problem === 'signature') return new SetError('invalid_key', problem, 'the signature does not verify')
  return new SetError('invalid_request', problem, `not a SET (${problem})`)
}
