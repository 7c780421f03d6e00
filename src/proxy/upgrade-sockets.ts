import { STATUS_CODES, validateHeaderName, validateHeaderValue } from 'node:http'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'
import { destroyLater } from './closing.js'

/**
 * Answers on a socket that Node's server has let go of (`upgrade`), and closes it: what else the client sends is
 * discarded, and the socket destroyed if it is not closed 2 s after the call. `headers` are name, value, name, value
 * ...; `connection: close` and, where there is none, `content-length` are added. Throws if a header could not stand in
 * a message (`ERR_INVALID_CHAR`, `ERR_INVALID_HTTP_TOKEN`).
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
  socket.on('error', ignore)
  if (socket.destroyed) return
  destroyLater(socket)
  socket.resume()
  socket.write(lines.join('\r\n'), 'latin1')
  socket.end(body)
}

/** Closes a socket so that its peer sees a reset; over TLS, whose sockets can't, without a goodbye. */
export function reset(socket: Duplex): void {
  if (socket.destroyed) return
  if (!(socket instanceof Socket) || socket instanceof TLSSocket || socket.connecting) {
    socket.destroy()
    return
  }
  try {
    socket.resetAndDestroy()
  } catch {
    socket.destroy() // a pipe, or another handle that knows no reset
  }
}

/** For sockets whose end is told by `close`, so that an error on them is no crash. */
export function ignore(): void {}
