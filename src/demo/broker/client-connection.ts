import type { Socket } from 'node:net'
import type { AmqpError, Connection, Container, EventContext } from 'rhea'
import { FrameGuard } from './frame-guard.js'
import { leaveUndecoded } from './message-bytes.js'
import { type QueueLimits, Subscription } from './subscription.js'

/** What a connection asks of the broker that accepted it. */
export interface Topics {
  readonly limits: QueueLimits
  subscribed(subscription: Subscription): void
  unsubscribed(subscription: Subscription): void
  published(topic: string, message: Buffer): void
}

const MAX_FRAME_BYTES = 65_536
/** Bytes that may come before a delivery is complete, hence also the largest message. */
const MAX_UNFINISHED_BYTES = 1_048_576
/** What may come before the peer has authenticated itself: two headers, its SASL answer, its open frame. */
const MAX_HANDSHAKE_BYTES = 65_536
const HANDSHAKE_TIMEOUT = 10_000
/** A peer that sends nothing for twice as long (ms) is gone. */
const IDLE_TIMEOUT = 30_000
const MAX_LINKS = 256
const PUBLISHER_CREDIT = 200

/** Serves one accepted socket until it ends; whatever comes over it costs that socket at most. */
export function serve(socket: Socket, container: Container, topics: Topics): void {
  const connection = container.create_connection({
    ...({ port: 0 } as const),
    max_frame_size: MAX_FRAME_BYTES,
    idle_time_out: IDLE_TIMEOUT,
    properties: { product: 'mgw demo broker', 'topic-prefix': 'topic://', 'queue-prefix': 'queue://' },
    receiver_options: { credit_window: PUBLISHER_CREDIT, autoaccept: false, max_message_size: MAX_UNFINISHED_BYTES },
  })
  const drop = () => socket.destroy()
  const progress = guardInput(socket, connection, drop)
  let links = 0
  connection.on('session_open', ({ session }: EventContext) => {
    if (++links > MAX_LINKS) drop()
    if (session !== undefined) leaveUndecoded(session)
  })
  acceptSubscribers(connection, topics, () => ++links <= MAX_LINKS || !drop())
  acceptPublishers(connection, topics, progress, () => ++links <= MAX_LINKS || !drop())
  for (const event of ['error', 'protocol_error']) connection.on(event, drop)
  // Without a listener rhea would throw, or print, what a peer reports of itself.
  for (const event of ['connection_error', 'session_error', 'disconnected']) connection.on(event, () => undefined)
  socket.on('close', () => connection.eof()) // rhea listens for a polite end only, and would keep its timers
  connection.accept(socket)
}

/** Bounds what rhea is given to keep. Call the answered function when a delivery, or a settlement, is complete. */
function guardInput(socket: Socket, connection: Connection, drop: () => void): () => void {
  const guard = new FrameGuard(MAX_FRAME_BYTES)
  const deadline = setTimeout(drop, HANDSHAKE_TIMEOUT)
  let limit = MAX_HANDSHAKE_BYTES
  socket.on('data', (chunk) => {
    // Destroyed sockets still deliver this chunk to rhea, which is bounded; no further one comes.
    if (!guard.accepts(chunk) || guard.bytes > limit) drop()
  })
  socket.on('error', () => undefined)
  socket.on('close', () => clearTimeout(deadline))
  const progress = () => {
    guard.bytes = 0
  }
  connection.on('connection_open', () => {
    clearTimeout(deadline)
    progress()
    limit = MAX_UNFINISHED_BYTES
  })
  connection.on('settled', progress)
  return progress
}

/** Peers that attach as receivers: our side of their link is a sender. */
function acceptSubscribers(connection: Connection, topics: Topics, admit: () => boolean): void {
  const subscriptions = new Map<unknown, Subscription>()
  const forget = (sender: unknown) => {
    const subscription = subscriptions.get(sender)
    subscriptions.delete(sender)
    if (subscription !== undefined) topics.unsubscribed(subscription)
  }
  connection.on('sender_open', ({ sender }: EventContext) => {
    if (sender === undefined || !admit()) return
    const address: unknown = sender.source?.address
    const topic = topicOf(address)
    if (topic === undefined || typeof address !== 'string') return sender.close(noSuchTopic)
    sender.set_source({ address, capabilities: 'topic' })
    const subscription = new Subscription(topic, sender, topics.limits)
    subscriptions.set(sender, subscription)
    topics.subscribed(subscription)
  })
  for (const event of ['sender_flow', 'sendable']) {
    connection.on(event, ({ sender }: EventContext) => subscriptions.get(sender)?.pump())
  }
  connection.on('sender_draining', ({ sender }: EventContext) => subscriptions.get(sender)?.drain())
  connection.on('sender_error', ({ sender }: EventContext) => forget(sender))
  connection.on('sender_close', ({ sender }: EventContext) => forget(sender))
  connection.on('session_close', ({ session }: EventContext) => {
    for (const [sender, subscription] of subscriptions) if (subscription.sender.session === session) forget(sender)
  })
  for (const event of ['disconnected', 'connection_close']) {
    connection.on(event, () => {
      for (const sender of [...subscriptions.keys()]) forget(sender)
    })
  }
}

/** Peers that attach as senders. */
function acceptPublishers(connection: Connection, topics: Topics, progress: () => void, admit: () => boolean): void {
  connection.on('receiver_open', ({ receiver }: EventContext) => {
    if (receiver === undefined || !admit()) return
    const address: unknown = receiver.target?.address
    if (topicOf(address) === undefined || typeof address !== 'string') return receiver.close(noSuchTopic)
    receiver.set_target({ address })
  })
  connection.on('message', ({ receiver, message, delivery }: EventContext) => {
    progress()
    const topic = topicOf(receiver?.target?.address)
    if (topic === undefined || !Buffer.isBuffer(message)) return delivery?.reject(noSuchTopic)
    topics.published(topic, Buffer.from(message)) // a copy: the original is a view into a larger buffer
    delivery?.accept()
  })
  for (const event of ['receiver_error', 'receiver_close']) connection.on(event, () => undefined)
}

const noSuchTopic: AmqpError = {
  condition: 'amqp:not-found',
  description: 'this broker has topics only: write the address as topic://NAME',
}

const TOPIC_ADDRESS = /^topic:\/\/([\w.\-/]{1,255})$/

/** The topic that an address names as ActiveMQ has them (`topic://NAME`); `undefined` for whatever else came. */
function topicOf(address: unknown): string | undefined {
  return typeof address === 'string' ? TOPIC_ADDRESS.exec(address)?.[1] : undefined
}
