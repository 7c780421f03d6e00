import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { codeOf } from '../../error-code.js'
import { currentResponse, destroyAfterLinger, hasHadLastRequest, markLastRequest } from '../../proxy/index.js'

const STATUS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Payload Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
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
export function answerUnreadable(error: Error, socket: Duplex): void {
  const code = codeOf(error) ?? ''
  const isOfProtocol = code.startsWith('HPE_') || code === 'ERR_HTTP_REQUEST_TIMEOUT'
  if (!isOfProtocol || !socket.writable) {
    if (!isOfProtocol || !hasHadLastRequest(socket)) socket.destroy()
    return
  }
  const earlier = currentResponse(socket)
  if (earlier === undefined) {
    if (!hasHadLastRequest(socket)) answer(code, socket)
  } else if (earlier.req.complete) {
    if (code === AFTER_LAST_REQUEST || waiting.has(socket)) return
    waiting.add(socket)
    earlier.once('close', () => {
      waiting.delete(socket)
      answerUnreadable(error, socket)
    })
  } else if (!isAnsweredEarly(earlier)) socket.destroy() // the rest of an unreadable body never arrives
}

function answer(code: string, socket: Duplex): void {
  markLastRequest(socket)
  socket.end(`HTTP/1.1 ${STATUS[code] ?? '400 Bad Request'}\r\nConnection: close\r\n\r\n`)
  socket.resume()
  destroyAfterLinger(socket)
}

/** Whether it was answered before its body had arrived whole, and closes its connection. */
function isAnsweredEarly(res: ServerResponse): boolean {
  return res.writableEnded && hasHadLastRequest(res.req.socket)
}
