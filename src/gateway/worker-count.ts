import { availableParallelism } from 'node:os'

/** How many processes serve: `[server] workers`. */
export function workerCount(workers: number | 'auto'): number {
  return workers === 'auto' ? availableParallelism() : workers
}
