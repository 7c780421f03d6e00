import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { responseUnderWay } from './upgrade-requests.js'

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
 */
export function answerUnreadable(error: Error, socket: Duplex): void {
  const code = 'code' in error ? String(error.code) : ''
  const isOfProtocol = code.startsWith('HPE_') || code === 'ERR_HTTP_REQUEST_TIMEOUT'
  const earlier = responseUnderWay(socket)
  if (earlier !== undefined && isOfProtocol && isComplete(earlier)) {
    if (code === BEYOND_THE_LAST || waiting.has(socket)) return
    waiting.add(socket)
    earlier.once('close', () => {
      waiting.delete(socket)
      answerUnreadable(error, socket)
    })
  } else if (earlier !== undefined || !socket.writable) socket.destroy()
  else socket.end(`HTTP/1.1 ${STATUS[code] ?? '400 Bad Request'}\r\nConnection: close\r\n\r\n`, () => socket.destroy())
}

/** Whether the whole of its request has come: the rest of a body that cannot be read never does. */
function isComplete({ req }: ServerResponse): boolean {
  return req.complete
}
