import type { LogLevel } from '../logging/index.js'
import type { ProcessUsage, Samples } from '../metrics/index.js'
import type { PrimaryMessage, WorkerMessage } from '../replication/index.js'
import type { Asker, RevocationRecord, UnconfirmedCode } from '../revocation/index.js'
import type { Notice, NoticeAnswer } from '../sources/identity-provider/index.js'

/** Why the primary did not confirm a revocation. Holds no secret. */
export interface HandoverFailure {
  readonly code: UnconfirmedCode
  readonly message: string
}

/** What a worker has counted, and what it uses. */
export interface WorkerMetrics {
  readonly samples: Samples
  readonly usage: ProcessUsage
}

/** Messages of the primary to a worker. */
export type ToWorker =
  | { readonly kind: 'replication'; readonly message: PrimaryMessage }
  /** A revocation that the worker handed over is durable and enforced by every worker; with `failure` it is not confirmed. */
  | { readonly kind: 'revoked'; readonly number: number; readonly failure?: HandoverFailure }
  /** What the identity provider is answered whose notice the worker handed over. */
  | { readonly kind: 'noticeAnswered'; readonly number: number; readonly answer: NoticeAnswer }
  /** Read the configuration anew; answered with `reloaded`. */
  | { readonly kind: 'reload' }
  /** Open the log files by their names again. */
  | { readonly kind: 'reopen-logs' }
  /** Write this level of the log from now on. */
  | { readonly kind: 'log-level'; readonly level: LogLevel }
  /** Say what was counted: answered with `metrics`. */
  | { readonly kind: 'measure' }
  /** Stop accepting, let open requests end, and exit; connections without a request end after `idle` ms. */
  | { readonly kind: 'drain'; readonly idle: number }

/** Messages of a worker to the primary. */
export type ToPrimary =
  | { readonly kind: 'replication'; readonly message: WorkerMessage }
  /** The listeners are open, on these ports. */
  | { readonly kind: 'listening'; readonly httpPort: number; readonly httpsPort: number; readonly tokenPort?: number }
  /** It serves by the new configuration; with `failure`, by the old one. */
  | { readonly kind: 'reloaded'; readonly failure?: string }
  /** A revocation arrived through this worker; without a record, confirm the earlier ones. Answered with `revoked` and the number. */
  | {
      readonly kind: 'revoke'
      readonly number: number
      readonly record: RevocationRecord | undefined
      readonly asker: Asker
    }
  /** A notice of an identity provider arrived through this worker. Answered with `noticeAnswered` and the number. */
  | { readonly kind: 'notice'; readonly number: number; readonly notice: Notice }
  | { readonly kind: 'metrics'; readonly metrics: WorkerMetrics }
  /** The worker cannot serve, and exits. */
  | { readonly kind: 'failed'; readonly reason: string; readonly code?: string }

/** Whether a message on the channel is of this protocol: other modules could send some. */
export function isWorkersMessage<Message extends ToWorker | ToPrimary>(value: unknown): value is Message {
  return typeof value === 'object' && value !== null && 'kind' in value && typeof value.kind === 'string'
}
