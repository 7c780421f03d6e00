import { type ServerResponse, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { codeOf } from '../../error-code.js'
import { currentResponse, destroyAfterLinger, hasHadLastRequest, markLastRequest } from '../../proxy/index.js'
import type { TurnedAway } from './turned-away.js'

const STATUS: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
}
/** Input after a request with `Connection: close`: it must not be read (RFC 9112 §9.6). */
const AFTER_LAST_REQUEST = 'HPE_CLOSED_CONNECTION'
/** Connections whose error waits for earlier answers. */
const waiting = new WeakSet<Duplex>()

/**
 * Answers a request that Node's parser cannot read, and closes the connection: what follows cannot be told from the rest
 * of it. Waits for the answers to earlier requests of the connection, or the client would take this for one of them.
 * Destroys the connection after any other failure, such as a TLS handshake that fails or takes too long.
 */
export function answerUnreadable(error: Error, socket: Duplex, turnedAway?: TurnedAway): void {
  const code = codeOf(error) ?? ''
  const isOfProtocol = code.startsWith('HPE_') || code === 'ERR_HTTP_REQUEST_TIMEOUT'
  if (!isOfProtocol || !socket.writable) {
    if (!isOfProtocol || !hasHadLastRequest(socket)) socket.destroy()
    return
  }
  const earlier = currentResponse(socket)
  if (earlier === undefined) {
    if (!hasHadLastRequest(socket)) answer(STATUS[code] ?? 400, socket, turnedAway)
  } else if (earlier.req.complete) {
    if (code === AFTER_LAST_REQUEST || waiting.has(socket)) return
    waiting.add(socket)
    earlier.once('close', () => {
      waiting.delete(socket)
      answerUnreadable(error, socket, turnedAway)
    })
  } else if (!isAnsweredEarly(earlier)) socket.destroy() // the rest of an unreadable body never arrives
}

function answer(status: number, socket: Duplex, turnedAway: TurnedAway | undefined): void {
  markLastRequest(socket)
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\n\r\n`)
  turnedAway?.(status, socket)
  socket.resume()
  destroyAfterLinger(socket)
}

/** Whether it was answered before its body had arrived whole, and closes its connection. */
function isAnsweredEarly(res: ServerResponse): boolean {
  return res.writableEnded && hasHadLastRequest(res.req.socket)
}
