import type { Duplex } from 'node:stream'
import { isAnswering } from './upgrade-requests.js'

const STATUS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Payload Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
}

/**
 * Answers what Node's parser cannot read, and closes the connection: what follows cannot be told from the rest of it. While
 * another request of the connection waits for its answer nothing is written, which would pass for that answer.
 */
export function answerUnreadable(error: Error, socket: Duplex): void {
  const code = 'code' in error ? String(error.code) : ''
  if (isAnswering(socket)) {
    // What follows a request with `Connection: close` is not read (RFC 9112 §9.6); its answer is still to come.
    if (code !== 'HPE_CLOSED_CONNECTION') socket.destroy()
  } else if (!socket.writable) socket.destroy()
  else socket.end(`HTTP/1.1 ${STATUS[code] ?? '400 Bad Request'}\r\nConnection: close\r\n\r\n`, () => socket.destroy())
}
