import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { takesNoMore } from '../proxy/index.js'

/** Requests of one connection that wait at most, each with what it brought; a client that sends more is cut off. */
const MAX_WAITING = 64

/** What a connection has asked for and not been answered yet. */
interface Connection {
  readonly serving: Set<ServerResponse>
  readonly waiting: (readonly [req: IncomingMessage, res: ServerResponse])[]
  /** Requests behind the last one that the connection takes. */
  dropped: number
}

/**
 * Serves at most `limit` requests of one connection at a time. Clients may send the next before the last is answered
 * (RFC 9112 §9.3.2), and Node passes on what it has read, however many they are. The others wait, in their order. The
 * socket is not paused meanwhile: nobody would notice that the client has left.
 *
 * What comes on a connection that takes no more requests is dropped.
 *
 * Every response that is served gets its `close`: of those that stand in line when a connection ends, Node tells the
 * first alone.
 *
 * @param served is told of each response whose connection is done with it
 */
export function limitPipelining(limit: number, listener: RequestListener, served: () => void): RequestListener {
  const connections = new WeakMap<Socket, Connection>()

  const serve = (connection: Connection, req: IncomingMessage, res: ServerResponse): void => {
    const { serving, waiting } = connection
    serving.add(res)
    res.once('close', () => {
      serving.delete(res)
      served()
      const next = waiting.shift()
      if (next !== undefined) serve(connection, ...next)
    })
    listener(req, res)
  }
  const opened = (socket: Socket): Connection => {
    const connection: Connection = { serving: new Set(), waiting: [], dropped: 0 }
    connections.set(socket, connection)
    // Before Node's own listener, which tells the first: nothing that waits is to be served any more.
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
    if (takesNoMore(socket)) {
      if (++connection.dropped > MAX_WAITING) socket.destroy()
      return
    }
    if (serving.size < limit && waiting.length === 0) return serve(connection, req, res)
    if (waiting.push([req, res]) > MAX_WAITING) socket.destroy()
  }
}
