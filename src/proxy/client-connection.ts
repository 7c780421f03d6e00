import { type IncomingMessage, ServerResponse, STATUS_CODES, validateHeaderName, validateHeaderValue } from 'node:http'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'

/** Milliseconds that a client has to close its side once its last response is written. */
export const LINGER = 2_000

/** Milliseconds that a connection has to take what is left for it once the other side of its WebSocket is gone. */
const FINISH_WITHIN = 120_000

const lastRequestReceived = new WeakSet<Duplex>()

/** Whether {@link markLastRequest} was called: whatever else arrives must not be read as a request. */
export function hasHadLastRequest(connection: Duplex): boolean {
  return lastRequestReceived.has(connection)
}

/** Declares the request that arrived last on a connection its last one. Closing the connection is left to the caller. */
export function markLastRequest(connection: Duplex): void {
  lastRequestReceived.add(connection)
}

/** Destroys a connection that is still open in {@link LINGER} ms, whatever is left to write or read. */
export function destroyAfterLinger(connection: Duplex): void {
  if (connection.destroyed) return
  const deadline = setTimeout(() => connection.destroy(), LINGER)
  connection.once('close', () => clearTimeout(deadline))
}

/**
 * Resets a connection that has not taken what was written within `timeout` ms, at most 120 s (0: 120 s); once it has, closes
 * it as {@link destroyAfterLinger}. Not an idle time-out: a peer that keeps sending and reads nothing is never idle.
 */
export function finishWithin(connection: Duplex, timeout: number): void {
  if (connection.destroyed || connection.writableFinished) return destroyAfterLinger(connection)
  const deadline = setTimeout(reset, timeout > 0 ? Math.min(timeout, FINISH_WITHIN) : FINISH_WITHIN, connection)
  connection.once('close', () => clearTimeout(deadline))
  connection.once('finish', () => {
    clearTimeout(deadline)
    destroyAfterLinger(connection)
  })
}

/** Whether a request has a body, as its headers say. */
export function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

/** Whether part of a request's body is still to come. (Node sets `complete` only after the headers were handled.) */
export function isBodyPending(req: IncomingMessage): boolean {
  return !req.complete && hasBody(req)
}

/**
 * Closes a request's connection after its response, which is about to end, though part of the body is still to come. The
 * rest is read and dropped: closing a connection with unread bytes resets it, and the client may lose the response
 * (RFC 9112 §9.6).
 */
export function closeAfterResponse(req: IncomingMessage, res: ServerResponse): void {
  const { socket } = req
  markLastRequest(socket)
  socket.destroySoon = () => void socket.end() // Node would destroy it as soon as the response is handed over
  res.once('finish', () => socket.end())
  afterEarlierResponses(res, socket, () => {
    req.resume()
    destroyAfterLinger(socket)
  })
}

function afterEarlierResponses(res: ServerResponse, socket: Duplex, action: () => void): void {
  const earlier = currentResponse(socket)
  if (earlier === undefined || earlier === res) action()
  else earlier.once('close', () => afterEarlierResponses(res, socket, action))
}

/** The response that a connection is sending or waiting for. Node keeps it in a property of the socket only. */
export function currentResponse(socket: Duplex): ServerResponse | undefined {
  const current = '_httpMessage' in socket ? socket._httpMessage : undefined
  return current instanceof ServerResponse ? current : undefined
}

/**
 * Answers on a socket that Node's server has released (`upgrade`), and closes it: further input is discarded, and a
 * socket still open {@link LINGER} ms later is destroyed. `headers` are name, value, name, value ...; `connection: close`
 * and a missing `content-length` are added. Throws if a header cannot stand in a message (`ERR_INVALID_CHAR`,
 * `ERR_INVALID_HTTP_TOKEN`).
 */
export function writeResponse(socket: Duplex, status: number, headers: readonly string[], body: string | Buffer): void {
  const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`]
  let hasLength = status === 204 || status === 304
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const [name, value] = [headers[i] as string, headers[i + 1] as string]
    validateHeaderName(name)
    validateHeaderValue(name, value)
    const lower = name.toLowerCase()
    if (lower === 'connection') continue
    if (lower === 'content-length') hasLength = true
    lines.push(`${name}: ${value}`)
  }
  if (!hasLength) lines.push(`content-length: ${Buffer.byteLength(body)}`)
  lines.push('connection: close', '', '')
  socket.on('error', ignoreError)
  if (socket.destroyed) return
  destroyAfterLinger(socket)
  socket.resume()
  socket.write(lines.join('\r\n'), 'latin1')
  socket.end(body)
}

/** Resets a connection. TLS sockets cannot be reset: they are destroyed, without a `close_notify`. */
export function reset(socket: Duplex): void {
  if (socket.destroyed) return
  if (!(socket instanceof Socket) || socket instanceof TLSSocket || socket.connecting) {
    socket.destroy()
    return
  }
  try {
    socket.resetAndDestroy()
  } catch {
    socket.destroy() // a pipe, or another handle without a reset
  }
}

/** A listener for streams whose failure shows in `close`: without one an error would end the process. */
export function ignoreError(): void {}
