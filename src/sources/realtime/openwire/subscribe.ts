import { randomUUID } from 'node:crypto'
import type { Secret } from '../../../config/index.js'
import type { Logger } from '../../../logging/index.js'
import type { TopicMessage } from '../../message/index.js'
import { DurableAcks } from '../broker/durable-acks.js'
import type { Subscription } from '../broker/reconnect.js'
import { Acknowledger } from './acknowledger.js'
import {
  connectionInfo,
  consumerInfo,
  type Identity,
  messageAck,
  removeConnection,
  removeConsumer,
  sessionInfo,
  shutdownInfo,
} from './commands.js'
import { type ConnectionOptions, OpenWireConnection } from './connection.js'
import { decodeMessage } from './decode.js'
import { OpenWireError } from './error.js'
import type { WireMessage } from './received.js'

/** A subscription that the broker keeps while we are away. Each gateway needs its own client id. */
export interface DurableSubscription {
  readonly clientId: string
  readonly name: string
}

export interface TopicOptions extends ConnectionOptions {
  readonly topic: string
  /** Absent or empty: no authentication. */
  readonly username: string | undefined
  readonly password: Secret | undefined
  readonly durable: DurableSubscription | undefined
  /** Milliseconds until the broker must have confirmed the subscription. */
  readonly connectTimeout: number
  /**
   * Called for each message, in order. Must not throw. A message is acknowledged once this has returned; that of a
   * durable subscription, once `stored` has resolved too.
   */
  onMessage(message: TopicMessage): void
  /** Called for each message that is too long or can't be read; it is acknowledged too. Must not throw. */
  onMalformed(error: OpenWireError): void
  stored(): Promise<void>
  readonly logger: Logger
}

/**
 * Subscribes to a topic: resolves once the broker has confirmed it, after which everything published reaches
 * `onMessage`. Rejects with OpenWireError, and leaves no connection behind, when it fails or `signal` aborts.
 */
export async function subscribeTopic(options: TopicOptions, signal: AbortSignal): Promise<Subscription> {
  const identity = { connectionId: `ID:mgw-${randomUUID()}-1` }
  const acknowledge = (last: Buffer, count: number) => connection.send(messageAck(identity, options.topic, last, count))
  const acknowledger =
    options.durable === undefined
      ? new Acknowledger(acknowledge)
      : new DurableAcks({ stored: options.stored, acknowledge, logger: options.logger })
  const connection = new OpenWireConnection(options, {
    message(message) {
      deliver(message, options)
      acknowledger.add(message.messageId)
    },
    tooLong({ messageId }) {
      options.onMalformed(
        new OpenWireError('ERR_OPENWIRE_BODY_TOO_LONG', `a frame above ${options.maxFrameSize} bytes`),
      )
      acknowledger.add(messageId)
    },
  })
  const timeout = AbortSignal.timeout(options.connectTimeout)
  const deadline = AbortSignal.any([signal, timeout])
  const giveUp = () =>
    connection.abort(new OpenWireError(signal.aborted ? 'ERR_OPENWIRE_ABORTED' : 'ERR_OPENWIRE_CONNECT_TIMEOUT'))
  if (deadline.aborted) giveUp()
  deadline.addEventListener('abort', giveUp, { once: true })
  try {
    await connection.opened
    await subscribe(connection, identity, options)
  } catch (error) {
    connection.abort(error instanceof OpenWireError ? error : new OpenWireError('ERR_OPENWIRE_ABORTED'))
    throw error
  } finally {
    deadline.removeEventListener('abort', giveUp)
  }
  return {
    closed: connection.closed,
    async close() {
      await acknowledger.end()
      for (const goodbye of [removeConsumer(identity), removeConnection(identity), shutdownInfo()]) {
        connection.send(goodbye)
      }
      await connection.end()
    },
  }
}

async function subscribe(connection: OpenWireConnection, identity: Identity, options: TopicOptions): Promise<void> {
  const { durable, topic } = options
  const anonymous = options.username === undefined || options.username === ''
  const login = {
    clientId: durable?.clientId ?? identity.connectionId,
    username: anonymous ? undefined : options.username,
    password: anonymous ? undefined : options.password?.reveal(),
  }
  await connection.request(connectionInfo(identity, login), 'ERR_OPENWIRE_CREDENTIALS_REFUSED')
  await connection.request(sessionInfo(identity), 'ERR_OPENWIRE_ACCESS_DENIED')
  await connection.request(consumerInfo(identity, topic, durable?.name), 'ERR_OPENWIRE_ACCESS_DENIED')
}

function deliver(message: WireMessage, options: TopicOptions): void {
  let decoded: TopicMessage
  try {
    decoded = decodeMessage(message, options.maxFrameSize)
  } catch (error) {
    if (!(error instanceof OpenWireError)) throw error
    options.onMalformed(error)
    return
  }
  options.onMessage(decoded)
}
