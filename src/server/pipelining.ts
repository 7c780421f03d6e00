import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** Requests of one connection that wait at most; a client that sends more at once is cut off. */
const MAX_WAITING = 256

interface Connection {
  /** Requests that are worked on. */
  serving: number
  readonly waiting: (readonly [req: IncomingMessage, res: ServerResponse])[]
}

/**
 * Serves at most `limit` requests of one connection at a time. Clients may send the next before the last is answered
 * (RFC 9112 §9.3.2), and Node passes on what it has read, however many they are. The others wait, in their order. The
 * socket is not paused meanwhile: nobody would notice that the client has left.
 *
 * @param served is told of each response whose connection is done with it
 */
export function limitPipelining(limit: number, listener: RequestListener, served: () => void): RequestListener {
  const connections = new WeakMap<Socket, Connection>()

  const serve = (connection: Connection, req: IncomingMessage, res: ServerResponse): void => {
    connection.serving++
    res.once('close', () => {
      connection.serving--
      served()
      if (connection.waiting.length > 0) next(connection, req.socket)
    })
    listener(req, res)
  }
  const next = (connection: Connection, socket: Socket): void => {
    if (socket.destroyed) connection.waiting.length = 0
    const first = connection.waiting.shift()
    if (first !== undefined) serve(connection, ...first)
  }

  return (req, res) => {
    const { socket } = req
    let connection = connections.get(socket)
    if (connection === undefined) {
      connection = { serving: 0, waiting: [] }
      connections.set(socket, connection)
    }
    if (connection.serving < limit && connection.waiting.length === 0) return serve(connection, req, res)
    if (connection.waiting.push([req, res]) > MAX_WAITING) socket.destroy()
  }
}
