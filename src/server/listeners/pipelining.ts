import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { hasHadLastRequest } from '../../proxy/index.js'

/** Requests of one connection that may wait; a client that sends more is disconnected. */
const MAX_WAITING = 64

/** The requests of a connection that are not answered yet. */
interface Connection {
  readonly serving: Set<ServerResponse>
  readonly waiting: (readonly [req: IncomingMessage, res: ServerResponse])[]
  /** Requests dropped after the connection's last one. */
  dropped: number
  /** Listens to the `close` of each response that is served: one function a connection. */
  readonly closed: (this: ServerResponse) => void
}

/**
 * Serves at most `limit` requests of one connection at a time. Clients may send the next before the last is answered
 * (RFC 9112 §9.3.2), and Node emits every request that it has read. The others wait, in their order. The socket is not
 * paused meanwhile, so that a client that leaves is noticed. Requests after a connection's last one are dropped.
 *
 * Every response that is served emits `close`: when a connection ends, Node closes the first one in line only.
 *
 * @param served called after each response is closed
 */
export function limitPipelining(limit: number, listener: RequestListener, served: () => void): RequestListener {
  const connections = new WeakMap<Socket, Connection>()

  const serve = (connection: Connection, req: IncomingMessage, res: ServerResponse): void => {
    connection.serving.add(res)
    res.on('close', connection.closed)
    listener(req, res)
  }
  const opened = (socket: Socket): Connection => {
    const connection: Connection = {
      serving: new Set(),
      waiting: [],
      dropped: 0,
      closed() {
        if (!connection.serving.delete(this)) return
        served()
        const next = connection.waiting.shift()
        if (next !== undefined) serve(connection, ...next)
      },
    }
    connections.set(socket, connection)
    // Before Node's own listener, which closes the first response: nothing that waits may be served then.
    socket.prependOnceListener('close', () => {
      connection.waiting.length = 0
      setImmediate(() => {
        for (const res of connection.serving) res.emit('close')
      })
    })
    return connection
  }

  return (req, res) => {
    const { socket } = req
    const connection = connections.get(socket) ?? opened(socket)
    const { serving, waiting } = connection
    if (hasHadLastRequest(socket)) {
      if (++connection.dropped > MAX_WAITING) socket.destroy()
      return
    }
    if (serving.size < limit && waiting.length === 0) return serve(connection, req, res)
    if (waiting.push([req, res]) > MAX_WAITING) socket.destroy()
  }
}
