import type { RevocationRecord } from '../../revocation/index.js'
import type { MalformedReport, SourceStatus } from '../source.js'

/** What an identity provider posted to one of the secure listeners. Bounded, and nothing of it is verified. */
export interface Notice {
  /** One of {@link IdentityProviderSource.paths}. */
  readonly path: string
  /** Headers as they were sent. */
  readonly contentType: string | undefined
  readonly authorization: string | undefined
  readonly body: string
}

/** What the identity provider is answered. Never cached. */
export interface NoticeAnswer {
  readonly status: number
  /** JSON. */
  readonly body?: Readonly<Record<string, unknown>>
  /** Seconds after which another attempt is worth it. */
  readonly retryAfter?: number
}

/** Where an identity provider's source delivers. */
export interface NoticeSink {
  /**
   * Revokes. Resolves when all of it is durable and every worker enforces it; rejects with `UnconfirmedRevocation` when
   * that cannot be confirmed, and with `TooManyClaimSets`.
   */
  revoke(records: readonly RevocationRecord[]): Promise<void>
  /** The source's status changed. `detail` is for people, and never holds a secret. */
  state(status: SourceStatus, detail?: string): void
}

/** A way in which an identity provider says whose access has ended: by requests to the gateway, or a stream that it reads. */
export interface IdentityProviderSource {
  readonly name: string
  readonly role: 'push' | 'stream'
  /** Paths that it receives `POST` requests at. */
  readonly paths: readonly string[]
  /** Delivers until `signal` aborts; then closes and resolves. Never rejects for what the network or the provider does. */
  run(sink: NoticeSink, signal: AbortSignal): Promise<void>
  /** Answers a notice. Never rejects for what is in it. */
  receive?(notice: Notice, sink: NoticeSink): Promise<NoticeAnswer>
  /** Notices that were refused, by reason. */
  malformed?(): MalformedReport | undefined
}
