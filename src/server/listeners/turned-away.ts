import type { Duplex } from 'node:stream'
import type { RequestHead } from '../../proxy/index.js'

/**
 * Told of a request that a listener answers itself, before the pipeline sees it.
 *
 * @param req its head; absent: it cannot be read
 */
export type TurnedAway = (status: number, connection: Duplex, req?: RequestHead) => void
