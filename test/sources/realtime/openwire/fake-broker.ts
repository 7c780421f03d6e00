import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { Test } from 'tap'
import { FRAMES } from './recorded-frames.js'

/** A server on loopback whose connections a test plays itself; everything ends with the test. Resolves to its port. */
export function fakeBroker(t: Test, onConnection: (socket: Socket) => void): Promise<number> {
  return listening(t, createServer(onConnection), 'connection')
}

/** Makes a server listen and end with the test; `event` is the one that brings its sockets. */
export async function listening(t: Test, server: Server, event: string): Promise<number> {
  const sockets = new Set<Socket>()
  server.on(event, (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

/** A frame with its size in front. */
export function sized(frame: Buffer): Buffer {
  const size = Buffer.alloc(4)
  size.writeInt32BE(frame.length)
  return Buffer.concat([size, frame])
}

export const WIRE_FORMAT = sized(FRAMES.wireFormatInfo)
