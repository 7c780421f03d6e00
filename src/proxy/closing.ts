import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/** Milliseconds that a client has to close its side once its last answer is written. */
export const LINGER = 2_000

/** Connections of which no further request is taken. */
const ending = new WeakSet<Duplex>()

/** Whether what comes on a connection is not taken for requests any more: it stands behind the last one. */
export function takesNoMore(connection: Duplex): boolean {
  return ending.has(connection)
}

/** The request that came last on this connection is its last. Closing the connection is left to the caller. */
export function takeNoMore(connection: Duplex): void {
  ending.add(connection)
}

/** Destroys a connection that is not closed {@link LINGER} from now, whatever is still to be written or read. */
export function destroyLater(connection: Duplex): void {
  if (connection.destroyed) return
  const deadline = setTimeout(() => connection.destroy(), LINGER)
  connection.once('close', () => clearTimeout(deadline))
}

/** Whether a request has a body that has not come whole. (Node calls none complete before its headers were handled.) */
export function isBodyPending({ complete, headers }: IncomingMessage): boolean {
  return !complete && (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0)
}

/**
 * Closes the connection of a request behind its response, which is about to end, though part of the body is still to
 * come. The rest is read and dropped: a connection that is closed with bytes unread is reset, and then the client may
 * never see the response (RFC 9112 §9.6).
 */
export function closeBehind(req: IncomingMessage, res: ServerResponse): void {
  const { socket } = req
  takeNoMore(socket)
  socket.destroySoon = () => void socket.end() // Node would destroy it as soon as the response is handed over
  res.once('finish', () => socket.end())
  inTurn(res, socket, () => {
    req.resume()
    destroyLater(socket)
  })
}

/** Calls `action` when all earlier responses of the connection are over. */
function inTurn(res: ServerResponse, socket: Duplex, action: () => void): void {
  const earlier = responseUnderWay(socket)
  if (earlier === undefined || earlier === res) action()
  else earlier.once('close', () => inTurn(res, socket, action))
}

/** The response whose turn it is on a connection, if any. Node notes it on its socket, and nowhere else. */
export function responseUnderWay(socket: Duplex): ServerResponse | undefined {
  const noted = '_httpMessage' in socket ? socket._httpMessage : undefined
  return noted instanceof ServerResponse ? noted : undefined
}
