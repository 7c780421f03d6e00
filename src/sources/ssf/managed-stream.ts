import { type AccessTokenSource, keySet, type VerificationKeys } from '../../auth/index.js'
import type { HttpClient } from '../../http-client/index.js'
import { describeError, FailureLog, type Logger } from '../../logging/index.js'
import type { Clock } from '../../time/index.js'
import { REVOKING_EVENTS, type RevokingEventName } from './events.js'
import type { StreamNews } from './interpret.js'
import { SetError } from './set-error.js'
import type { ReceivedStream } from './set-receiver.js'
import { enableStream, openStream, type Stream, streamIsEnabled, type WantedStream } from './stream.js'
import type { StreamHealth } from './stream-health.js'
import { TransmitterClient } from './transmitter-client.js'
import { NO_SUBJECTS, type TransmitterMetadata } from './transmitter-metadata.js'
import { Verification } from './verification.js'

/** The delays before a stream is opened again, ms. */
export const RETRY_LIMITS = { first: 1_000, max: 30_000 }

/** A receiver as it is configured: see `[identityProvider.ssf]` in docs/configuration.md. Durations are ms. */
export interface SsfSettings {
  /** The issuer of the SETs. */
  readonly transmitter: string
  readonly streamId?: string | undefined
  readonly description: string
  readonly events: readonly RevokingEventName[]
  readonly emailClaim?: string | undefined
  readonly ignoredSubjectMembers: readonly string[]
  readonly pollInterval: number
  /** 0: no verification events are asked for. */
  readonly verificationInterval: number
}

/** What a receiver is made of. */
export interface SsfParts {
  /** Of the source. */
  readonly name: string
  /** The `iss` of the tokens that are revoked. */
  readonly tokenIssuer: string
  readonly settings: SsfSettings
  readonly delivery: WantedStream['delivery']
  /** The keys of the tokens' issuer: those of a transmitter that names no others. */
  readonly keys: readonly VerificationKeys[]
  readonly client: HttpClient
  readonly token: AccessTokenSource
  /** Epoch ms: a SET that was issued later is not believed yet. */
  readonly latest: () => number
  readonly clock: Clock
  readonly logger: Logger
}

/** Longest wait for a verification event, ms: Keycloak pushes twice a minute. */
const VERIFICATION_PATIENCE = 90_000
/** Shortest time between two attempts to enable a stream, ms. */
const ENABLE_COOLDOWN = 60_000

interface Opened {
  readonly metadata: TransmitterMetadata
  readonly stream: Stream
  readonly received: ReceivedStream
}

/** What a stream does not deliver, and the remedies. */
function lackOf({ startsEmpty }: TransmitterMetadata, { missing }: Stream): string[] {
  const allow = 'allow them for this client there, or remove them from events'
  return [
    ...(startsEmpty ? [NO_SUBJECTS] : []),
    ...(missing.length > 0 ? [`the transmitter does not deliver ${missing.join(' ')}: ${allow}`] : []),
  ]
}

/** A stream at its transmitter: it is created or adopted, enabled again when it was paused, and verified at intervals. */
export class ManagedStream {
  readonly client: TransmitterClient
  readonly #parts: SsfParts
  readonly #health: StreamHealth
  readonly #verification: Verification
  readonly #failures: FailureLog
  #keys: { readonly url: string; readonly set: VerificationKeys } | undefined
  #opened: Opened | undefined
  #enabledAt = Number.NEGATIVE_INFINITY

  constructor(parts: SsfParts, health: StreamHealth) {
    const { settings, client, token, clock, logger } = parts
    this.#parts = parts
    this.#health = health
    this.client = new TransmitterClient({ issuer: settings.transmitter, client, token })
    this.#verification = new Verification({ interval: settings.verificationInterval, patience: VERIFICATION_PATIENCE })
    this.#failures = new FailureLog(logger, () => clock.elapsed())
  }

  /** What SETs are judged by; `undefined` until the stream was open once. */
  get received(): ReceivedStream | undefined {
    return this.#opened?.received
  }

  /** Finds the transmitter and the stream. Rejects with `TransmitterError`. */
  async open(signal: AbortSignal): Promise<Stream> {
    const { settings, delivery, name, logger } = this.#parts
    const metadata = await this.client.metadata(signal)
    const events = settings.events.map((event) => REVOKING_EVENTS[event].type)
    const { streamId, description } = settings
    const stream = await openStream(this.client, metadata, { streamId, description, events, delivery }, signal)
    if (this.#opened?.stream.id !== stream.id) {
      logger.info('Shared Signals stream opened', { source: name, stream: stream.id })
      const lacks = lackOf(metadata, stream)
      for (const reason of lacks) logger.warn('the stream may lack events', { source: name, reason })
      this.#health.lacks(lacks.join('; '))
    }
    this.#opened = { metadata, stream, received: this.#receivedOf(metadata, stream) }
    this.#health.updated((await streamIsEnabled(this.client, metadata, stream, signal)) ? 'enabled' : 'paused')
    return stream
  }

  /** Does what is due: enables the stream, asks for a verification event. What fails is logged, and done again later. */
  async tend(signal: AbortSignal): Promise<void> {
    if (this.#opened === undefined) return
    const { metadata, stream } = this.#opened
    const now = this.#parts.clock.elapsed()
    if (!this.#health.isEnabled && now - this.#enabledAt >= ENABLE_COOLDOWN) {
      this.#enabledAt = now
      await this.#attempt('cannot enable the stream', async () => {
        if (await enableStream(this.client, metadata, stream, signal)) this.#health.updated('enabled')
      })
    }
    if (metadata.verificationEndpoint !== undefined && now >= this.#verification.dueAt) {
      const state = this.#verification.ask(now, stream.minVerificationInterval)
      const body = { stream_id: stream.id, state }
      const url = metadata.verificationEndpoint
      const sent = await this.#attempt('cannot ask for a verification event', () =>
        this.client.request({ url, method: 'POST', body, signal }),
      )
      if (!sent) this.#verification.refused()
    }
    this.#health.missed(this.#verification.isMissed(this.#parts.clock.elapsed()))
  }

  /** What a SET of the stream says of the stream itself. Throws {@link SetError} for a verification event nobody asked for. */
  news(told: StreamNews): void {
    if (told.kind === 'updated') {
      this.#health.updated(told.status)
      return
    }
    const outcome = this.#verification.received(told.state)
    if (outcome === 'wrong') throw new SetError('invalid_state', 'state', 'not the state that was asked for')
    if (outcome === 'matched') this.#health.missed(false)
  }

  #receivedOf(metadata: TransmitterMetadata, { id, audience }: Stream): ReceivedStream {
    const { settings, tokenIssuer, keys } = this.#parts
    return {
      issuer: metadata.issuer,
      audience,
      keys: metadata.jwksUri === undefined ? keys : [this.#keysAt(metadata.jwksUri)],
      rules: {
        issuer: tokenIssuer,
        emailClaim: settings.emailClaim,
        ignoredMembers: new Set(settings.ignoredSubjectMembers),
        criticalMembers: new Set(metadata.criticalMembers),
        events: new Set(settings.events),
        streamId: id,
      },
    }
  }

  #keysAt(url: string): VerificationKeys {
    const { client, logger } = this.#parts
    if (this.#keys?.url !== url) this.#keys = { url, set: keySet(url, { client, logger }) }
    return this.#keys.set
  }

  async #attempt(failure: string, action: () => Promise<unknown>): Promise<boolean> {
    try {
      await action()
      return true
    } catch (error) {
      this.#failures.failed('warn', failure, describeError(error), { source: this.#parts.name })
      return false
    }
  }
}
