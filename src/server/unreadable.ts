import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { destroyLater, responseUnderWay, takeNoMore, takesNoMore } from '../proxy/index.js'

const STATUS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Payload Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
}
/** What follows a request with `Connection: close`: it is not read (RFC 9112 §9.6). */
const BEYOND_THE_LAST = 'HPE_CLOSED_CONNECTION'
/** Connections whose error waits for its turn. */
const waiting = new WeakSet<Duplex>()

/**
 * Answers what Node's parser cannot read, and closes the connection: what follows cannot be told from the rest of it. In
 * its turn: written while an earlier request of the connection waits for its answer, it would pass for that answer.
 * Any other failure of a connection, a TLS handshake that fails or takes too long among them, destroys it.
 */
export function answerUnreadable(error: Error, socket: Duplex): void {
  const code = 'code' in error ? String(error.code) : ''
  const isOfProtocol = code.startsWith('HPE_') || code === 'ERR_HTTP_REQUEST_TIMEOUT'
  if (!isOfProtocol || !socket.writable) {
    if (!isOfProtocol || !takesNoMore(socket)) socket.destroy()
    return
  }
  const earlier = responseUnderWay(socket)
  if (earlier === undefined) {
    if (!takesNoMore(socket)) answer(code, socket)
  } else if (earlier.req.complete) {
    if (code === BEYOND_THE_LAST || takesNoMore(socket) || waiting.has(socket)) return
    waiting.add(socket)
    earlier.once('close', () => {
      waiting.delete(socket)
      answerUnreadable(error, socket)
    })
  } else if (!isRefused(earlier)) socket.destroy() // the rest of a body that cannot be read never comes
}

function answer(code: string, socket: Duplex): void {
  takeNoMore(socket)
  socket.end(`HTTP/1.1 ${STATUS[code] ?? '400 Bad Request'}\r\nConnection: close\r\n\r\n`)
  socket.resume()
  destroyLater(socket)
}

/** Whether it closes its connection without the whole body of its request. */
function isRefused(res: ServerResponse): boolean {
  return res.writableEnded && takesNoMore(res.req.socket)
}
