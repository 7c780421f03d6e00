import type { Socket } from 'node:net'
import { type Channel, type ChannelModel, connect } from 'amqplib'
import type { Secret } from '../../../config/index.js'
import { type Broker, BrokerProtocolError, type BrokerTls, tlsOptions } from '../broker/broker.js'
import type { Subscription } from '../broker/reconnect.js'
import { unlessUnread } from '../broker/silence.js'
import type { Delivery } from './decode.js'
import { toBrokerError } from './error.js'
import { limitContent } from './frame-guard.js'

/** The longest frame that is taken in (bytes); RabbitMQ's are of 128 KiB, Andes' of 64. */
const MAX_FRAME_SIZE = 128 * 1024
/** How long a polite close may take before the socket is destroyed (ms). */
const CLOSE_TIMEOUT = 1000
/**
 * How often in the time-out it is looked whether the broker has said anything. It counts as gone after one look less in
 * silence: up to a look has passed before the first of them.
 */
const LOOKS_PER_TIMEOUT = 8

/** Who connects, and to which part of a broker. */
export interface Amqp091Address {
  readonly vhost: string
  readonly username: string
  readonly password: Secret
  readonly tls: BrokerTls
  /** Asked of the broker, in seconds. */
  readonly heartbeat: number
}

export interface Amqp091Link extends Amqp091Address {
  readonly topic: string
  readonly exchange: string
  /** A broker that is silent for so long (ms) counts as gone. */
  readonly idleTimeout: number
  /** Takes a message. Must not throw. */
  deliver(delivery: Delivery): void
  /** Called in place of `deliver` for a message whose body was passed over, because of its length. */
  tooLong(): void
}

/**
 * Connects to `broker` and subscribes to the topic by a queue of our own, which ends with the connection. Resolves when
 * the broker has confirmed each step; rejects with BrokerRefusal, BrokerProtocolError or the socket's error.
 */
export async function subscribe(broker: Broker, link: Amqp091Link, signal: AbortSignal): Promise<Subscription> {
  const end = new AbortController()
  const giveUp = () => end.abort()
  signal.addEventListener('abort', giveUp, { once: true })
  if (signal.aborted) giveUp()
  try {
    const connection = await connect(address(broker, link), {
      ...(broker.tls ? tlsOptions(broker.host, link.tls) : {}),
      noDelay: true,
      // Destroys amqplib's socket, in whichever state it is: there is no other way to reach it before it is open.
      signal: end.signal,
    } as Parameters<typeof connect>[1])
    const live = new Live(connection, link, () => end.abort())
    await live.consume()
    return live
  } catch (error) {
    end.abort()
    throw toBrokerError(error)
  } finally {
    signal.removeEventListener('abort', giveUp)
  }
}

/** An open connection with its one channel. Every way in which it can end leads to `closed`. */
class Live implements Subscription {
  readonly closed: Promise<Error | undefined>
  readonly #connection: ChannelModel
  readonly #link: Amqp091Link
  readonly #destroy: () => void
  #settle: (reason: Error | undefined) => void = () => undefined
  #closing = false
  #bodyIsMissing = false

  constructor(connection: ChannelModel, link: Amqp091Link, destroy: () => void) {
    this.#connection = connection
    this.#link = link
    this.#destroy = destroy
    this.closed = new Promise((resolve) => {
      this.#settle = resolve
    })
    connection.on('error', (error) => this.#fail(error))
    connection.on('close', (error) => this.#fail(error))
    this.#watchSilence()
  }

  async consume(): Promise<void> {
    const channel = await this.#connection.createChannel()
    channel.on('error', (error) => this.#fail(error))
    channel.on('close', () => this.#fail(new BrokerProtocolError('the broker closed the channel')))
    limitContent(channel, () => {
      this.#bodyIsMissing = true
    })
    const { queue } = await bindOwnQueue(channel, this.#link)
    // Without acknowledgements: the queue, and what is in it, ends with this connection in any case.
    await channel.consume(queue, (message) => this.#receive(message), { noAck: true })
  }

  async close(): Promise<void> {
    this.#closing = true
    const limit = setTimeout(() => this.#fail(undefined), CLOSE_TIMEOUT)
    // It fails when the connection has ended already, and never answers when it ends meanwhile.
    void this.#connection.close().then(
      () => this.#fail(undefined),
      () => this.#fail(undefined),
    )
    await this.closed
    clearTimeout(limit)
  }

  #receive(message: Delivery | null): void {
    // RabbitMQ's way to say that the queue is gone.
    if (message === null) this.#fail(new BrokerProtocolError('the broker cancelled the subscription'))
    else if (this.#bodyIsMissing) this.#link.tooLong()
    else this.#link.deliver(message)
    this.#bodyIsMissing = false
  }

  #fail(error: unknown): void {
    this.#settle(this.#closing ? undefined : toBrokerError(error))
    this.#destroy()
  }

  /**
   * In place of amqplib's own check: that closes a connection unread after two to three heartbeats, in which our process
   * may have been held up, and there is none when the broker did not agree to heartbeats.
   */
  #watchSilence(): void {
    const { stream, heartbeater } = this.#connection.connection as unknown as Internals
    clearInterval(heartbeater?.recvTimer)
    const { idleTimeout } = this.#link
    let read = stream.bytesRead
    let silentLooks = 0
    const look = setInterval(() => {
      silentLooks = stream.bytesRead === read ? silentLooks + 1 : 0
      read = stream.bytesRead
      if (silentLooks < LOOKS_PER_TIMEOUT - 1) return
      unlessUnread(stream, () => this.#fail(new BrokerProtocolError(`the broker was silent for ${idleTimeout} ms`)))
    }, idleTimeout / LOOKS_PER_TIMEOUT)
    void this.closed.finally(() => clearInterval(look))
  }
}

/** What amqplib does not show of a connection. */
interface Internals {
  readonly stream: Socket
  readonly heartbeater: { readonly recvTimer: NodeJS.Timeout } | null
}

async function bindOwnQueue(channel: Channel, { exchange, topic }: Amqp091Link): Promise<{ queue: string }> {
  await channel.assertExchange(exchange, 'topic', { durable: true })
  // The broker names it, in its own spelling: Andes folds names to lower case.
  const { queue } = await channel.assertQueue('', { exclusive: true, autoDelete: true })
  await channel.bindQueue(queue, exchange, topic)
  return { queue }
}

/** The broker's address as amqplib takes it. */
export function address({ host, port, tls }: Broker, { vhost, username, password, heartbeat }: Amqp091Address) {
  return {
    protocol: tls ? 'amqps' : 'amqp',
    hostname: host,
    port,
    username,
    password: password.reveal(),
    // amqplib decodes it once more.
    vhost: encodeURIComponent(vhost),
    heartbeat,
    maxFrameSize: MAX_FRAME_SIZE,
  }
}
