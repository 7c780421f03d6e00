import type { IncomingMessage, ServerResponse } from 'node:http'
import { closeBehind, isBodyPending } from '../proxy/index.js'

/**
 * Answers with a body that is here already; a HEAD gets the headers alone. A request whose own body is still to come loses
 * its connection afterwards: what follows on it cannot be told from the rest of that body.
 *
 * @param headers name, value, name, value ...; added to
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
    closeBehind(req, res)
  }
  res.writeHead(status, headers)
  res.end(req.method === 'HEAD' ? undefined : body)
}
