import type { IncomingMessage, ServerResponse } from 'node:http'
import { closeAfterResponse, isBodyPending } from './client-connection.js'

/**
 * Answers with a body in memory; a HEAD gets the headers only. Closes the connection after the answer if part of the
 * request's body is still to come: what follows could not be told from the rest of that body.
 *
 * @param headers name, value, name, value ...; the array is added to
 */
export function answerWhole(
  req: IncomingMessage,
  res: ServerResponse,
  status: number,
  headers: string[],
  body: string | Buffer,
): void {
  if (isBodyPending(req)) {
    headers.push('connection', 'close')
    closeAfterResponse(req, res)
  }
  res.writeHead(status, headers)
  res.end(req.method === 'HEAD' ? undefined : body)
}
