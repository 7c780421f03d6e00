// A process of clients that mean harm: they hold connections, read nothing, or write hardly anything. Told how many of each
// there are to be, it says when they are; one that the gateway closes is replaced.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export interface Crowd {
  readonly port: number
  /** Connections with one request, answered, and no other. */
  readonly idle: number
  /** Connections that ask for a large response and read nothing of it. */
  readonly readers: number
  /** Connections with an upload that comes a little faster than it must. */
  readonly writers: number
}

/** Connections that are opened at a time. */
const AT_ONCE = 50
/** Bytes that a slow writer sends a second: more than `minBodyRate`. */
const BYTES_A_SECOND = 600

const open = { idle: 0, readers: 0, writers: 0 }
let replaced = 0

process.on('message', (crowd: Crowd) => void gather(crowd))

async function gather(crowd: Crowd): Promise<void> {
  for (const kind of ['idle', 'readers', 'writers'] as const) {
    while (open[kind] < crowd[kind]) {
      const more = Math.min(AT_ONCE, crowd[kind] - open[kind])
      open[kind] += more
      await Promise.all(Array.from({ length: more }, () => OPEN[kind](crowd.port)))
    }
  }
  process.send?.({ replaced })
}

const OPEN = { idle, readers: reader, writers: writer }

async function connected(port: number, again: (port: number) => Promise<unknown>): Promise<Socket> {
  // Many addresses of the loopback network: one has no more than 28,000 ports.
  const socket = connect({ port, host: '127.0.0.1', localAddress: `127.0.0.${2 + Math.floor(Math.random() * 8)}` })
  socket.on('error', () => undefined)
  socket.once('close', () => {
    replaced++
    if (process.connected) setTimeout(() => void again(port), 100)
  })
  await Promise.race([once(socket, 'connect'), once(socket, 'close')])
  return socket
}

async function idle(port: number): Promise<void> {
  const socket = await connected(port, idle)
  socket.write('GET /health HTTP/1.1\r\nHost: a\r\n\r\n')
  await Promise.race([once(socket, 'data'), once(socket, 'close')])
}

async function reader(port: number): Promise<void> {
  const socket = await connected(port, reader)
  socket.pause().write('GET /things/large HTTP/1.1\r\nHost: a\r\n\r\n')
}

async function writer(port: number): Promise<void> {
  const socket = await connected(port, writer)
  socket.resume().write('POST /things/upload HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n')
  const drip = setInterval(() => socket.write(Buffer.alloc(BYTES_A_SECOND)), 1_000)
  socket.once('close', () => clearInterval(drip))
}
