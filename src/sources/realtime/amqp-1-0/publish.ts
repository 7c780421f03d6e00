import { randomUUID } from 'node:crypto'
import type { Socket } from 'node:net'
import rhea, { type Connection, type ConnectionOptions, type EventContext } from 'rhea'
import type { Secret } from '../../../config/index.js'
import { type Broker, BrokerProtocolError, BrokerRefusal, type BrokerTls, openSocket } from '../broker/broker.js'
import { plain, topicAddress } from './connection.js'
import { CONNECTION_REFUSED, toBrokerError } from './error.js'
import { FrameGuard, MAX_FRAME_SIZE } from './frame-guard.js'

export interface Amqp10Target {
  readonly topic: string
  /** Empty: SASL is not used. */
  readonly username: string
  readonly password: Secret
  readonly tls: BrokerTls
}

/**
 * Publishes one text message to the topic. Resolves when the broker has accepted it; rejects with BrokerRefusal,
 * BrokerProtocolError or the socket's error.
 */
export async function publish10(
  broker: Broker,
  target: Amqp10Target,
  text: string,
  signal: AbortSignal,
): Promise<void> {
  let socket: Socket | undefined
  const giveUp = () => socket?.destroy(new BrokerProtocolError('the broker did not answer in time'))
  signal.addEventListener('abort', giveUp, { once: true })
  try {
    await new Promise<void>((resolve, reject) => {
      const connection = rhea.create_container({ id: `mgw-${randomUUID()}` }).create_connection({
        host: broker.host,
        port: broker.port,
        hostname: broker.host,
        reconnect: false,
        max_frame_size: MAX_FRAME_SIZE,
        ...(target.username === ''
          ? {}
          : { sasl_mechanisms: { PLAIN: () => plain(target.username, target.password) } }),
        connect: (_port: number, _host: string, _options: unknown, ready: () => void) => {
          socket = guarded(openSocket(broker, target.tls, ready), reject)
          return socket
        },
      } as ConnectionOptions)
      onFailure(connection, reject)
      connection.on('connection_open', () => {
        const address = topicAddress(target.topic, connection.properties)
        connection.open_sender({ target: { address, capabilities: ['topic'] } })
      })
      connection.once('sendable', ({ sender }: EventContext) => sender?.send({ body: text, creation_time: new Date() }))
      connection.once('accepted', () => resolve())
      connection.connect()
      if (signal.aborted) giveUp()
    })
  } finally {
    signal.removeEventListener('abort', giveUp)
    // With an error, because rhea stops its timers at the socket's 'error'.
    socket?.destroy(new BrokerProtocolError('done'))
  }
}

/** Calls `fail` when the message cannot be published any more. */
function onFailure(connection: Connection, fail: (error: Error) => void): void {
  const fails = (event: string, where: string, error: (context: EventContext) => unknown) =>
    connection.on(event, (context: EventContext) => fail(toBrokerError(where, error(context))))
  fails('connection_error', CONNECTION_REFUSED, ({ error }) => error)
  fails('session_error', 'session refused', ({ session }) => session?.error)
  fails('sender_error', 'publishing refused', ({ sender }) => sender?.error)
  fails('protocol_error', 'not AMQP 1.0', (error) => error)
  fails('error', 'not understood', (error) => error)
  fails('rejected', 'the message was rejected', ({ delivery }) => delivery?.remote_state?.error)
  fails('connection_close', 'the broker closed the connection', () => undefined)
  fails('disconnected', 'the connection was lost', () => undefined)
  for (const event of ['released', 'modified', 'sender_close']) {
    connection.on(event, () => fail(new BrokerRefusal('the broker did not take the message')))
  }
}

function guarded(socket: Socket, fail: (error: Error) => void): Socket {
  const guard = new FrameGuard()
  socket.on('error', fail)
  socket.once('close', () => fail(new BrokerProtocolError('the connection was lost')))
  socket.on('data', (chunk: Buffer) => {
    try {
      guard.watch(chunk)
    } catch (error) {
      fail(error instanceof Error ? error : new BrokerProtocolError('not AMQP 1.0'))
      socket.destroy(error instanceof Error ? error : undefined)
    }
  })
  return socket
}
