import type { PrimaryMessage, WorkerMessage } from '../revocation/index.js'

/** What goes from the primary to a worker. */
export type ToWorker =
  | { readonly kind: 'replication'; readonly message: PrimaryMessage }
  /** Stop accepting, let open requests end, and exit. */
  | { readonly kind: 'drain' }

/** What goes from a worker to the primary. */
export type ToPrimary =
  | { readonly kind: 'replication'; readonly message: WorkerMessage }
  /** The listeners are open, on these ports. */
  | { readonly kind: 'listening'; readonly httpPort: number; readonly httpsPort: number }
  /** The worker cannot serve, and exits. */
  | { readonly kind: 'failed'; readonly reason: string; readonly code?: string }

/** Whether something that came over the channel is of this protocol: a module could send others. */
export function isWorkersMessage(value: unknown): value is ToWorker & ToPrimary {
  return typeof value === 'object' && value !== null && 'kind' in value && typeof value.kind === 'string'
}
