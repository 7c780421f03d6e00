import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Fault } from '../faults/index.js'

/**
 * Answers with a fault. A request whose body is still to come loses its connection afterwards: what follows on it
 * cannot be told from the rest of that body.
 */
export function respondWithFault(
  req: IncomingMessage,
  res: ServerResponse,
  fault: Fault,
  server: string,
  more: readonly string[] = [],
): void {
  if (res.headersSent || res.destroyed) return
  respond(req, res, fault.status, more.length === 0 ? fault.headers : [...fault.headers, ...more], fault.body, server)
}

/** Answers with a small body that is here already; a HEAD gets the headers alone. */
export function respond(
  req: IncomingMessage,
  res: ServerResponse,
  status: number,
  headers: readonly string[],
  body: string | Buffer,
  server: string,
): void {
  const all = server === '' || headers.includes('server') ? [...headers] : ['server', server, ...headers]
  if (!req.complete) all.push('connection', 'close')
  res.writeHead(status, all)
  res.end(req.method === 'HEAD' ? undefined : body)
}
