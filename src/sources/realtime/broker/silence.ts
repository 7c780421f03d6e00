import type { Socket } from 'node:net'

/**
 * To be called when a connection has been silent for too long: calls `silent`, unless it has input. When our own process was held up,
 * what came meanwhile is read only after the timers.
 *
 * @param heard called instead, once that input has been read
 */
export function unlessUnread(socket: Socket, silent: () => void, heard: () => void = () => undefined): void {
  const { bytesRead } = socket
  setImmediate(() => (socket.bytesRead === bytesRead ? silent() : heard()))
}
