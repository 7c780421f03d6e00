import type { PrimaryMessage, WorkerMessage } from '../replication/index.js'
import type { RevocationRecord, UnconfirmedCode } from '../revocation/index.js'

/** Why the primary could not confirm a revocation. Holds no secret. */
export interface HandoverFailure {
  readonly code: UnconfirmedCode
  readonly message: string
}

/** What goes from the primary to a worker. */
export type ToWorker =
  | { readonly kind: 'replication'; readonly message: PrimaryMessage }
  /** A revocation that the worker handed over is durable and enforced by every worker; with `failure`, it is not. */
  | { readonly kind: 'revoked'; readonly number: number; readonly failure?: HandoverFailure }
  /** Stop accepting, let open requests end, and exit. */
  | { readonly kind: 'drain' }

/** What goes from a worker to the primary. */
export type ToPrimary =
  | { readonly kind: 'replication'; readonly message: WorkerMessage }
  /** The listeners are open, on these ports. */
  | { readonly kind: 'listening'; readonly httpPort: number; readonly httpsPort: number; readonly tokenPort?: number }
  /** A revocation came through this worker, or one is to be confirmed that did: answered with `revoked` and the number. */
  | { readonly kind: 'revoke'; readonly number: number; readonly record: RevocationRecord | undefined }
  /** The worker cannot serve, and exits. */
  | { readonly kind: 'failed'; readonly reason: string; readonly code?: string }

/** Whether something that came over the channel is of this protocol: a module could send others. */
export function isWorkersMessage<Message extends ToWorker | ToPrimary>(value: unknown): value is Message {
  return typeof value === 'object' && value !== null && 'kind' in value && typeof value.kind === 'string'
}
