import type { PrimaryMessage, RevocationRecord, WorkerMessage } from '../revocation/index.js'

/** What goes from the primary to a worker. */
export type ToWorker =
  | { readonly kind: 'replication'; readonly message: PrimaryMessage }
  /** A revocation that the worker handed over is on disk, and in every worker's list, or the time for that is over. */
  | { readonly kind: 'revoked'; readonly number: number }
  /** Stop accepting, let open requests end, and exit. */
  | { readonly kind: 'drain' }

/** What goes from a worker to the primary. */
export type ToPrimary =
  | { readonly kind: 'replication'; readonly message: WorkerMessage }
  /** The listeners are open, on these ports. */
  | { readonly kind: 'listening'; readonly httpPort: number; readonly httpsPort: number; readonly tokenPort?: number }
  /** A revocation came through this worker: answered with `revoked` and the same number. */
  | { readonly kind: 'revoke'; readonly number: number; readonly record: RevocationRecord }
  /** The worker cannot serve, and exits. */
  | { readonly kind: 'failed'; readonly reason: string; readonly code?: string }

/** Whether something that came over the channel is of this protocol: a module could send others. */
export function isWorkersMessage<Message extends ToWorker | ToPrimary>(value: unknown): value is Message {
  return typeof value === 'object' && value !== null && 'kind' in value && typeof value.kind === 'string'
}
