import { ByteWriter } from './writer.js'

/** What a consumer sends. The connection adds the command's id and whether it wants a response. */
export interface Command {
  readonly type: number
  readonly fields: Buffer
}

/** The identity of our only consumer, on the only session of a connection. */
export interface Identity {
  readonly connectionId: string
}

const TOPIC = 101
const CONNECTION_ID = 120
const SESSION_ID = 121
const CONSUMER_ID = 122

const SESSION = 1
const CONSUMER = 1
const STANDARD_ACK = 2
/**
 * Messages that the broker may have on the way to us. Beyond it, ActiveMQ keeps a topic's consumer 1,000 more (its stock
 * limit) and then drops messages silently. A broker short of memory slows its publishers instead.
 */
const PREFETCH = 1_000_000
/** A durable subscription's: those that are not acknowledged yet included. The broker keeps the others. */
const DURABLE_PREFETCH = 5_000

/** A command as a frame, size included. */
export function encodeFrame(command: Command, commandId: number, responseRequired: boolean): Buffer {
  return new ByteWriter()
    .int32(1 + 4 + 1 + command.fields.length)
    .uint8(command.type)
    .int32(commandId)
    .boolean(responseRequired)
    .raw(command.fields)
    .finish()
}

/** `clientId` is the owner of durable subscriptions; without one any unique name serves. */
export function connectionInfo(
  identity: Identity,
  login: { readonly clientId: string; readonly username: string | undefined; readonly password: string | undefined },
): Command {
  const fields = connectionId(new ByteWriter(), identity)
    .optionalUtf(login.clientId)
    .optionalUtf(login.password)
    .optionalUtf(login.username)
    .boolean(false) // broker path
    .boolean(false) // broker master connector
    .boolean(true) // manageable
    .boolean(true) // client master
    .boolean(false) // fault tolerant
    .boolean(false) // failover reconnect
    .boolean(false) // client's IP
  return { type: 3, fields: fields.finish() }
}

export function sessionInfo(identity: Identity): Command {
  const fields = new ByteWriter().boolean(true).uint8(SESSION_ID).optionalUtf(identity.connectionId).int64(SESSION)
  return { type: 4, fields: fields.finish() }
}

export function consumerInfo(identity: Identity, topic: string, subscriptionName: string | undefined): Command {
  const fields = topicDestination(consumerId(new ByteWriter(), identity).boolean(false), topic)
    .int32(subscriptionName === undefined ? PREFETCH : DURABLE_PREFETCH)
    .int32(0) // maximum of pending messages: the broker's policy
    .boolean(true) // dispatch asynchronously: a slow consumer must not slow the publisher
    .boolean(false) // selector
    .boolean(false) // client id
    .optionalUtf(subscriptionName)
    .boolean(false) // no local
    .boolean(false) // exclusive
    .boolean(false) // retroactive
    .uint8(0) // priority
    .boolean(false) // broker path
    .boolean(false) // additional predicate
    .boolean(false) // network subscription
    .boolean(false) // optimised acknowledgement
    .boolean(false) // no range acknowledgements
    .boolean(false) // network consumer path
  return { type: 5, fields: fields.finish() }
}

/** Acknowledges the `count` messages up to the one with this (encoded) id. */
export function messageAck(identity: Identity, topic: string, lastMessageId: Buffer, count: number): Command {
  const fields = consumerId(topicDestination(new ByteWriter(), topic).boolean(false), identity)
    .uint8(STANDARD_ACK)
    .boolean(false) // first message: from where the last acknowledgement ended
    .raw(lastMessageId)
    .int32(count)
    .boolean(false) // poison cause
  return { type: 22, fields: fields.finish() }
}

export function keepAliveInfo(): Command {
  return { type: 10, fields: Buffer.alloc(0) }
}

export function removeConsumer(identity: Identity): Command {
  return { type: 12, fields: consumerId(new ByteWriter(), identity).int64(0).finish() }
}

export function removeConnection(identity: Identity): Command {
  return { type: 12, fields: connectionId(new ByteWriter(), identity).int64(0).finish() }
}

export function shutdownInfo(): Command {
  return { type: 11, fields: Buffer.alloc(0) }
}

function connectionId(writer: ByteWriter, identity: Identity): ByteWriter {
  return writer.boolean(true).uint8(CONNECTION_ID).optionalUtf(identity.connectionId)
}

function consumerId(writer: ByteWriter, identity: Identity): ByteWriter {
  return writer.boolean(true).uint8(CONSUMER_ID).optionalUtf(identity.connectionId).int64(SESSION).int64(CONSUMER)
}

/** A topic as a nested structure. */
export function topicDestination(writer: ByteWriter, topic: string): ByteWriter {
  return writer.boolean(true).uint8(TOPIC).optionalUtf(topic)
}
