import { randomUUID } from 'node:crypto'
import type { ConnectionOptions as TlsOptions } from 'node:tls'
import type { Secret } from '../../../config/index.js'
import type { Broker } from '../broker/broker.js'
import {
  type Command,
  connectionInfo,
  type Identity,
  removeConnection,
  sessionInfo,
  shutdownInfo,
  topicDestination,
} from './commands.js'
import { OpenWireConnection } from './connection.js'
import { OpenWireError } from './error.js'
import { DEFAULT_HEARTBEAT, DEFAULT_MAX_FRAME_SIZE } from './source.js'
import { ByteWriter } from './writer.js'

export interface OpenWireTarget {
  readonly topic: string
  /** Empty: no authentication. */
  readonly username: string
  readonly password: Secret
  readonly tls: TlsOptions
}

/** Publishes one text message to the topic. Resolves when the broker has answered it; rejects with OpenWireError. */
export async function publishOpenWire(
  { host, port, tls }: Broker,
  target: OpenWireTarget,
  text: string,
  signal: AbortSignal,
): Promise<void> {
  const limits = { maxInactivity: DEFAULT_HEARTBEAT, maxFrameSize: DEFAULT_MAX_FRAME_SIZE }
  const options = { host, port, tls: tls ? target.tls : undefined, ...limits }
  const connection = new OpenWireConnection(options, { message: () => undefined, tooLong: () => undefined })
  const giveUp = () => connection.abort(new OpenWireError('ERR_OPENWIRE_CONNECT_TIMEOUT'))
  signal.addEventListener('abort', giveUp, { once: true })
  if (signal.aborted) giveUp()
  const identity = { connectionId: `ID:mgw-${randomUUID()}-1` }
  const anonymous = target.username === ''
  const login = {
    clientId: identity.connectionId,
    username: anonymous ? undefined : target.username,
    password: anonymous ? undefined : target.password.reveal(),
  }
  try {
    await connection.opened
    await connection.request(connectionInfo(identity, login), 'ERR_OPENWIRE_CREDENTIALS_REFUSED')
    await connection.request(sessionInfo(identity), 'ERR_OPENWIRE_ACCESS_DENIED')
    await connection.request(producerInfo(identity, target.topic), 'ERR_OPENWIRE_PUBLISHING_DENIED')
    await connection.request(textMessage(identity, target.topic, text, Date.now()), 'ERR_OPENWIRE_PUBLISHING_DENIED')
    for (const goodbye of [removeConnection(identity), shutdownInfo()]) connection.send(goodbye)
    await connection.end()
  } catch (error) {
    connection.abort(error instanceof OpenWireError ? error : new OpenWireError('ERR_OPENWIRE_ABORTED'))
    throw error
  } finally {
    signal.removeEventListener('abort', giveUp)
  }
}

const MESSAGE_ID = 110
const PRODUCER_ID = 123
const SESSION = 1
const PRODUCER = 1
/** JMS's default. */
const PRIORITY = 4

/** Announces the only producer of our only session. */
function producerInfo(identity: Identity, topic: string): Command {
  const fields = topicDestination(producerId(new ByteWriter(), identity), topic)
    .boolean(false) // broker path
    .boolean(false) // dispatch asynchronously
    .int32(0) // window
  return { type: 6, fields: fields.finish() }
}

/** A TextMessage to a topic: not persistent, which a topic without durable subscribers would not honour anyway. */
function textMessage(identity: Identity, topic: string, text: string, now: number): Command {
  const utf8 = Buffer.from(text)
  const content = new ByteWriter().int32(utf8.length).raw(utf8).finish()
  const writer = topicDestination(producerId(new ByteWriter(), identity), topic)
    .boolean(false) // transaction
    .boolean(false) // original destination
  messageId(writer, identity)
    .boolean(false) // original transaction
    .boolean(false) // group
    .int32(0) // group sequence
    .boolean(false) // correlation id
    .boolean(false) // persistent
    .int64(0) // expiration: never
    .uint8(PRIORITY)
    .boolean(false) // reply to
    .int64(now) // time stamp
    .boolean(false) // JMS type
    .optionalBytes(content)
    .boolean(false) // properties
    .boolean(false) // data structure
    .boolean(false) // target consumer
    .boolean(false) // compressed
    .int32(0) // redelivery counter
    .boolean(false) // broker path
    .int64(0) // arrival
    .boolean(false) // user
    .boolean(false) // received by a bridge
    .boolean(false) // droppable
    .boolean(false) // cluster
    .int64(0) // broker in time
    .int64(0) // broker out time
    .boolean(false) // first of its group for the consumer
  return { type: 28, fields: writer.finish() }
}

function producerId(writer: ByteWriter, { connectionId }: Identity): ByteWriter {
  // ProducerId's fields: connection, value, session.
  return writer.boolean(true).uint8(PRODUCER_ID).optionalUtf(connectionId).int64(PRODUCER).int64(SESSION)
}

function messageId(writer: ByteWriter, identity: Identity): ByteWriter {
  return producerId(writer.boolean(true).uint8(MESSAGE_ID).boolean(false), identity)
    .int64(1) // sequence of the producer
    .int64(0) // sequence of the broker
}
