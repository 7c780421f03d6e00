import { JwksUnavailable, type VerificationKeys, verifyMessage } from '../../auth/index.js'
import { describeError, FailureLog, type Logger } from '../../logging/index.js'
import { type RevocationRecord, TooManyClaimSets, UnconfirmedRevocation } from '../../revocation/index.js'
import { type Clock, retrying } from '../../time/index.js'
import type { MalformedReport } from '../source.js'
import { ACTION_TYPES, type ActionPath, readKeycloakAction } from './keycloak-action.js'
import { LOGOUT_TOKEN_TYPES, readLogoutToken } from './logout-token.js'
import { RecentIds } from './recent-ids.js'
import { type MessageRules, type ReadMessage, type RefusedMessage, refused, UNAUTHENTICATED } from './rules.js'
import type { IdentityProviderSource, Notice, NoticeAnswer, NoticeSink } from './source.js'

/** An identity provider as it is configured: see `[[identityProvider]]` in docs/configuration.md. */
export interface ProviderSettings {
  readonly name: string
  readonly issuer: string
  readonly clientIds: readonly string[]
  readonly backchannelLogout: boolean
  readonly keycloakAdmin: boolean
  readonly realmWide: boolean
}

export interface ReceiverOptions {
  readonly provider: ProviderSettings
  /** The keys of the provider's issuer. */
  readonly keys: readonly VerificationKeys[]
  /** Milliseconds by which clocks may differ. */
  readonly skew: number
  /** Epoch ms by the issuer's clock; -Infinity while it is not known. */
  readonly issuersNow: () => number
  readonly clock: Clock
  readonly logger: Logger
}

/** What is received at a path. */
interface Channel {
  /** The message in a notice. */
  readonly messageIn: (notice: Notice) => string | RefusedMessage
  readonly types: readonly (string | undefined)[]
  readonly read: (claims: Readonly<Record<string, unknown>>, rules: MessageRules) => ReadMessage | RefusedMessage
  /** Of success: Keycloak counts a 200 from an admin URL as a failure. */
  readonly status: 200 | 204
}

/** The wait for keys that could not be fetched, ms. */
const KEYS_RETRIED = { first: 1_000, max: 30_000 }
/** Seconds after which a notice is worth sending again that could not be judged or stored. */
const RETRY_AFTER = 5
const UNAVAILABLE: NoticeAnswer = { status: 503, body: { error: 'temporarily_unavailable' }, retryAfter: RETRY_AFTER }

/**
 * Receives what an identity provider pushes: OpenID Connect Back-Channel Logout 1.0, and what Keycloak sends to a client's admin URL.
 *
 * Its status is `live` once the issuer's keys are there. It is `gap` after a message that could not be judged, until the keys
 * have been fetched again, and after one that could not be stored, until one is. What is sent while the gateway is away is missed: nobody says so.
 */
export class Receiver implements IdentityProviderSource {
  readonly name: string
  readonly role = 'push'
  readonly paths: readonly string[]
  readonly #options: ReceiverOptions
  readonly #channels: ReadonlyMap<string, Channel>
  readonly #recent = new RecentIds()
  readonly #refused = new Map<string, number>()
  readonly #failures: FailureLog
  #signal = new AbortController().signal
  #isFetchingKeys = false
  /** Why messages could not be judged, and why not stored. */
  #unjudged: string | undefined
  #unstored: string | undefined

  constructor(options: ReceiverOptions) {
    const { provider, logger, clock } = options
    this.#options = options
    this.name = provider.name
    this.#channels = new Map(channelsOf(provider))
    this.paths = [...this.#channels.keys()]
    this.#failures = new FailureLog(logger, () => clock.elapsed())
  }

  async run(sink: NoticeSink, signal: AbortSignal): Promise<void> {
    this.#signal = signal
    const failed = (reason: string) => sink.state('failed', reason)
    await this.#fetchKeys(sink, (each) => each.ready?.(), failed)
  }

  async receive(notice: Notice, sink: NoticeSink): Promise<NoticeAnswer> {
    const channel = this.#channels.get(notice.path)
    if (channel === undefined) return { status: 404, body: { error: 'not_found' } }
    try {
      const message = await this.#read(notice, channel)
      if ('problem' in message) return this.#refuse(notice.path, message)
      if (!this.#recent.has(message.id)) await this.#revoke(message, sink)
      return { status: channel.status }
    } catch (error) {
      if (error instanceof JwksUnavailable) this.#keysMissing(sink, error)
      this.#failures.failed(
        'error',
        'notice of an identity provider not carried out; answered 503',
        describeError(error),
        {
          source: this.name,
        },
      )
      return UNAVAILABLE
    }
  }

  malformed(): MalformedReport | undefined {
    return this.#refused.size === 0 ? undefined : { malformed: Object.fromEntries(this.#refused) }
  }

  async #read(notice: Notice, { messageIn, types, read }: Channel): Promise<ReadMessage | RefusedMessage> {
    const { provider, keys, skew, issuersNow, clock } = this.#options
    const jws = messageIn(notice)
    if (typeof jws !== 'string') return { ...jws, isAnybodys: true }
    const verified = await verifyMessage(jws, keys, types)
    if ('problem' in verified) return { ...verified, isAnybodys: true }
    const { issuer, clientIds, realmWide } = provider
    const [now, theirs] = [clock.now(), issuersNow()]
    const earliest = Number.isFinite(theirs) ? Math.min(now, theirs) : now
    return read(verified.claims, { issuer, clientIds, realmWide, skew, earliest, latest: Math.max(now, theirs) })
  }

  /** A message could not be judged: until the keys are there, what the provider sends may be missed. */
  #keysMissing(sink: NoticeSink, error: JwksUnavailable): void {
    if (this.#isFetchingKeys) return
    const missing = (reason: string) => {
      this.#unjudged = reason
      this.#report(sink)
    }
    missing(describeError(error))
    void this.#fetchKeys(sink, (each) => each.renewed?.(), missing)
  }

  /** Tries until the keys are there. Never rejects. */
  async #fetchKeys(
    sink: NoticeSink,
    fetched: (keys: VerificationKeys) => Promise<void> | undefined,
    failed: (reason: string) => void,
  ): Promise<void> {
    const { keys, clock } = this.#options
    this.#isFetchingKeys = true
    const fetchAll = () => Promise.all(keys.map(fetched))
    const all = await retrying(fetchAll, {
      limits: KEYS_RETRIED,
      clock,
      signal: this.#signal,
      failed: (reason) => failed(describeError(reason)),
    })
    if (all === undefined) return
    this.#isFetchingKeys = false
    this.#unjudged = undefined
    this.#report(sink)
  }

  #report({ state }: NoticeSink): void {
    const reason = this.#unstored ?? this.#unjudged
    state(reason === undefined ? 'live' : 'gap', reason)
  }

  /** The id is remembered once the records are stored: until then the provider must be able to send it again. */
  async #revoke({ id, records }: ReadMessage, sink: NoticeSink): Promise<void> {
    try {
      await sink.revoke(records)
    } catch (error) {
      if (isUnstored(error)) {
        this.#unstored = describeError(error)
        this.#report(sink)
      }
      throw error
    }
    this.#recent.add(id)
    if (this.#unstored !== undefined) {
      this.#unstored = undefined
      this.#report(sink)
    }
    this.#options.logger.info('identity provider ended access', { source: this.name, ...countsOf(records) })
  }

  #refuse(path: string, { problem, isAnybodys }: RefusedMessage): NoticeAnswer {
    const reason = isAnybodys ? UNAUTHENTICATED + problem : problem
    this.#refused.set(reason, (this.#refused.get(reason) ?? 0) + 1)
    this.#failures.failed('warn', 'notice of an identity provider refused', problem, { source: this.name, path })
    return { status: 400, body: { error: 'invalid_request', error_description: problem } }
  }
}

function isUnstored(error: unknown): boolean {
  return error instanceof UnconfirmedRevocation || error instanceof TooManyClaimSets
}

/** How many records of each kind; never whom they name. */
function countsOf(records: readonly RevocationRecord[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { kind } of records) counts[kind] = (counts[kind] ?? 0) + 1
  return counts
}

/** Where what an identity provider pushes is received. */
export function noticePaths(provider: ProviderSettings): string[] {
  return [...channelsOf(provider)].map(([path]) => path)
}

function* channelsOf({ name, backchannelLogout, keycloakAdmin }: ProviderSettings): Generator<[string, Channel]> {
  if (backchannelLogout) {
    yield [
      `/backchannel_logout/${name}`,
      { messageIn: logoutTokenIn, types: LOGOUT_TOKEN_TYPES, read: readLogoutToken, status: 200 },
    ]
  }
  if (!keycloakAdmin) return
  for (const path of ['k_logout', 'k_push_not_before'] as const satisfies readonly ActionPath[]) {
    yield [
      `/keycloak/${name}/${path}`,
      {
        messageIn: ({ body }) => body.trim(),
        types: ACTION_TYPES,
        read: (claims, rules) => readKeycloakAction(claims, path, rules),
        status: 204,
      },
    ]
  }
}

/** The one `logout_token` of a form. Its other fields are ignored (§2.5). */
function logoutTokenIn({ contentType, body }: Notice): string | RefusedMessage {
  if (contentType?.split(';', 1)[0]?.trim().toLowerCase() !== 'application/x-www-form-urlencoded')
    return refused('content-type')
  const [token, ...others] = new URLSearchParams(body).getAll('logout_token')
  return token === undefined || others.length > 0 ? refused('form') : token
}
