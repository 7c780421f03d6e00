import type { Socket } from 'node:net'
import type { buildConnector } from 'undici'
import { hasCode } from '../error-code.js'

/**
 * A connector whose connections end only when whoever reads them asks for more.
 *
 * undici 7 ends the process (`assert(!this.paused)` in its parser) if a connection ends, or is reset, while a response that is the
 * connection's last is paused: a client that reads slowly is enough. undici 8.13 mends it, and needs Node.js 22.19
 * (https://github.com/nodejs/undici/issues/5360). Until then
 * - a connection that is over says so when undici reads and is not paused behind that read: reads name the number of bytes, since Node
 *   would say `end` behind the last ones, and the read that finds nothing is repeated, by a `readable` that undici heeds unless it is paused;
 * - a reset has a code that undici does not take for the end of a response. To be cut off is no end.
 */
export function endingAfterPause(connect: buildConnector.connector): buildConnector.connector {
  return (options, callback) =>
    connect(options, (...result) => {
      const [, socket] = result
      if (socket) endAfterPause(socket) // with an error there may be none
      callback(...result)
    })
}

function endAfterPause(socket: Socket): void {
  const read = socket.read.bind(socket)
  const push = socket.push.bind(socket)
  let isOver = false
  let isRepeated = false
  const repeat = () => {
    isRepeated = true
    socket.emit('readable')
    isRepeated = false
  }
  socket.push = (chunk, encoding) => {
    isOver ||= chunk === null
    return push(chunk, encoding)
  }
  socket.read = (size) => {
    const { readableLength, readableHighWaterMark } = socket
    // Not beyond the mark, which would raise it.
    if (readableLength > 0) return read(size ?? Math.min(readableLength, readableHighWaterMark))
    if (!isOver || isRepeated) return read(size)
    if (size === undefined) process.nextTick(repeat)
    return null // Node itself reads 0 bytes when a connection is over
  }
  socket.prependListener('error', (error: Error & { code?: string }) => {
    if (hasCode(error, 'ECONNRESET')) error.code = 'UND_ERR_SOCKET'
  })
}
