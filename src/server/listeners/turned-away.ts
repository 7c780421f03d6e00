import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { closeAfterResponse, isBodyPending, type RequestHead } from '../../proxy/index.js'

/**
 * Told of a request that a listener answers itself, before the pipeline sees it.
 *
 * @param req its head; absent: it cannot be read
 */
export type TurnedAway = (status: number, connection: Duplex, req?: RequestHead) => void

/** Answers a request with a bare status, and closes its connection if part of the body is still to come. */
export function turnAway(req: IncomingMessage, res: ServerResponse, status: number, turnedAway: TurnedAway): void {
  if (isBodyPending(req)) closeAfterResponse(req, res)
  res.writeHead(status, { 'content-length': 0 }).end()
  turnedAway(status, req.socket, req)
}
