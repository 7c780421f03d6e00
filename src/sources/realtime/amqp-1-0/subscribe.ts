import type { Socket } from 'node:net'
import rhea, { type Connection, type ConnectionOptions, type Delivery, type EventContext, type Receiver } from 'rhea'
import type { Secret } from '../../../config/index.js'
import type { Logger } from '../../../logging/index.js'
import { type Broker, BrokerProtocolError, BrokerRefusal, type BrokerTls, openSocket } from '../broker/broker.js'
import { DurableAcks } from '../broker/durable-acks.js'
import type { Subscription } from '../broker/reconnect.js'
import { unlessUnread } from '../broker/silence.js'
import { plain, topicAddress } from './connection.js'
import { CONNECTION_REFUSED, toBrokerError } from './error.js'
import { FrameGuard, MAX_FRAME_SIZE } from './frame-guard.js'
import { Transfers } from './transfers.js'

/** Messages that the broker may have under way to us: with rhea's 1,000, ActiveMQ drops those of a burst. */
const CREDIT = 20_000
/** A durable subscription's: those that are not acknowledged yet included. The broker keeps the others. */
const DURABLE_CREDIT = 5_000
/** Transfers that rhea's buffer holds; more than the credit, or a burst overflows it. */
const SESSION_WINDOW = 32_768
/** The part of our idle time-out that the broker is told. */
const ASKED_OF_IDLE = 0.6
/** How long a polite close may take before the socket is destroyed (ms). */
const CLOSE_TIMEOUT = 1000

export interface Amqp10Link {
  readonly topic: string
  readonly username: string
  readonly password: Secret
  readonly tls: BrokerTls
  /** A broker that is silent for so long (ms) counts as gone. */
  readonly idleTimeout: number
  /** The name of this client at the broker. Two that are connected must not have the same one. */
  readonly containerId: string
  readonly durable: boolean
  /** Takes the bytes of a message. Must not throw. */
  deliver(bytes: Buffer): void
  /** Called in place of `deliver` for a message that was too long to be gathered. Must not throw. */
  tooLong(): void
  /** A durable subscription accepts what was delivered once this has resolved. */
  stored(): Promise<void>
  readonly logger: Logger
}

/**
 * Connects to `broker` and subscribes to the topic. Resolves once the broker has confirmed the subscription by naming
 * its source; rejects with BrokerRefusal, BrokerProtocolError or the socket's error. `signal` ends the attempt.
 */
export function subscribe(broker: Broker, link: Amqp10Link, signal: AbortSignal): Promise<Subscription> {
  return new Promise((resolve, reject) => {
    const attempt = new Attempt(broker, link)
    const abort = () => attempt.fail(new BrokerProtocolError('the attempt was given up'))
    signal.addEventListener('abort', abort, { once: true })
    const settle = () => signal.removeEventListener('abort', abort)
    void attempt.live.then(() => resolve(attempt)).finally(settle)
    void attempt.closed.then((error) => reject(error ?? new BrokerProtocolError('closed'))).finally(settle)
    if (signal.aborted) abort()
  })
}

/** One connection with its one link. Every way in which it can end leads to {@link fail}, and by it to `closed`. */
class Attempt implements Subscription {
  readonly live: Promise<void>
  readonly closed: Promise<Error | undefined>
  readonly #link: Amqp10Link
  readonly #guard = new FrameGuard()
  readonly #connection: Connection
  #socket: Socket | undefined
  #reason: Error | undefined
  #closing = false
  #setLive: () => void = () => undefined
  #receiver: Receiver | undefined
  #transfers: Transfers | undefined
  readonly #unaccepted: Delivery[] = []
  readonly #acceptor: DurableAcks<Delivery>

  constructor(broker: Broker, link: Amqp10Link) {
    this.#link = link
    const acknowledge = (_: Delivery, count: number) => this.#accept(count)
    this.#acceptor = new DurableAcks({ stored: link.stored, acknowledge, logger: link.logger })
    this.live = new Promise((resolve) => {
      this.#setLive = resolve
    })
    const connection = rhea.create_container({ id: link.containerId }).create_connection(this.#options(broker))
    // rhea's own check of silence closes the connection before it has read what came while our process was held up.
    this.#connection = Object.assign(connection, { idle: () => undefined })
    this.closed = new Promise((resolve) => {
      this.#listen()
      try {
        this.#connection.connect()
        // 'close' follows every end of a socket, ours or the broker's.
        this.#socket?.once('close', () => resolve(this.#closing ? undefined : (this.#reason ?? lost())))
      } catch (error) {
        resolve(error instanceof Error ? error : lost())
      }
    })
  }

  /** Ends the connection at once; the first reason counts. */
  fail(reason: Error): void {
    this.#reason ??= reason
    // With an error, because rhea stops its timers at the socket's 'error' and 'end', and not at its 'close'.
    this.#socket?.destroy(reason)
  }

  async close(): Promise<void> {
    this.#closing = true
    await this.#acceptor.end()
    const limit = setTimeout(() => this.fail(lost()), CLOSE_TIMEOUT)
    this.#connection.close()
    await this.closed
    clearTimeout(limit)
  }

  #options(broker: Broker): ConnectionOptions {
    const link = this.#link
    return {
      host: broker.host,
      port: broker.port,
      hostname: broker.host,
      container_id: link.containerId,
      reconnect: false,
      max_frame_size: MAX_FRAME_SIZE,
      // Brokers send at half of what is asked of them.
      idle_time_out: Math.ceil(link.idleTimeout * ASKED_OF_IDLE),
      session_buffer_size: { incoming: SESSION_WINDOW },
      ...(link.username === '' ? {} : { sasl_mechanisms: { PLAIN: () => plain(link.username, link.password) } }),
      connect: (_port: number, _host: string, _options: unknown, ready: () => void) => this.#open(broker, ready),
    } as ConnectionOptions
  }

  #open(broker: Broker, ready: () => void): Socket {
    const socket = openSocket(broker, this.#link.tls, ready)
    this.#socket = socket
    socket.on('error', (error) => {
      this.#reason ??= error
    })
    this.#watchSilence(socket)
    socket.on('data', (chunk: Buffer) => {
      try {
        this.#guard.watch(chunk)
      } catch (error) {
        this.fail(error instanceof Error ? error : lost())
      }
    })
    return socket
  }

  #watchSilence(socket: Socket): void {
    const { idleTimeout } = this.#link
    const look = () =>
      unlessUnread(
        socket,
        () => this.fail(silent(idleTimeout)),
        () => timer.refresh(),
      )
    const timer = setTimeout(look, idleTimeout)
    socket.on('data', () => timer.refresh())
    socket.once('close', () => clearTimeout(timer))
  }

  #listen(): void {
    const connection = this.#connection
    connection.on('connection_open', (context: EventContext) => this.#attach(context))
    connection.on('connection_error', ({ error }: EventContext) => this.fail(toBrokerError(CONNECTION_REFUSED, error)))
    connection.on('connection_close', () => this.fail(new BrokerProtocolError('the broker closed the connection')))
    connection.on('session_error', ({ session }: EventContext) =>
      this.fail(toBrokerError('session refused', session?.error)),
    )
    connection.on('session_close', () => this.fail(new BrokerProtocolError('the broker closed the session')))
    connection.on('receiver_error', ({ receiver }: EventContext) =>
      this.fail(toBrokerError('subscription refused', receiver?.error)),
    )
    connection.on('receiver_close', () => this.fail(new BrokerRefusal('the broker closed the subscription')))
    connection.on('protocol_error', (error: unknown) => this.fail(toBrokerError('not AMQP 1.0', error)))
    connection.on('error', (error: unknown) => this.fail(toBrokerError('not understood', error)))
    connection.on('disconnected', ({ error }: EventContext) => this.fail(error instanceof Error ? error : lost()))
    connection.on('receiver_open', ({ receiver }: EventContext) => {
      // A denied topic opens with no source, and its error comes next.
      if (receiver?.source?.address) this.#setLive()
    })
    connection.on('message', ({ message, delivery }: EventContext) => {
      this.#guard.messageCompleted()
      if (this.#transfers?.isTooLong) this.#link.tooLong()
      else if (Buffer.isBuffer(message)) this.#link.deliver(message)
      if (!this.#link.durable || delivery === undefined) return
      this.#unaccepted.push(delivery)
      this.#acceptor.add(delivery)
    })
  }

  #attach(context: EventContext): void {
    const { topic, durable } = this.#link
    const address = topicAddress(topic, context.connection.properties)
    const lasting = { durable: 2, expiry_policy: 'never', distribution_mode: 'copy' } as const
    // What is not durable ends with this connection, settled or not: to settle it at once spares both sides a frame each.
    const settledAtOnce = { snd_settle_mode: 1 } as const
    const receiver = context.connection.open_receiver({
      // The credit of a durable one is given by hand: rhea's own comes back before a message is accepted.
      ...(durable ? { name: `mgw-${topic}`, autoaccept: false, credit_window: 0 } : settledAtOnce),
      ...(durable ? {} : { credit_window: CREDIT }),
      source: { address, capabilities: ['topic'], ...(durable ? lasting : {}) },
    })
    this.#receiver = receiver
    if (durable) receiver.add_credit(DURABLE_CREDIT)
    this.#transfers = new Transfers(receiver)
  }

  #accept(count: number): void {
    const accepted = this.#unaccepted.splice(0, count)
    if (this.#socket?.destroyed !== false) return
    for (const delivery of accepted) delivery.accept()
    this.#receiver?.add_credit(count)
  }
}

function lost(): Error {
  return new BrokerProtocolError('the connection was lost')
}

function silent(ms: number): Error {
  return new BrokerProtocolError(`the broker was silent for ${ms} ms`)
}
