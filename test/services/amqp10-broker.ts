import { EventEmitter, once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import type { TlsOptions } from 'node:tls'
import rhea, { type Connection, type EventContext, type Message, type Sender } from 'rhea'

export interface Amqp10BrokerOptions {
  /** A free one if absent. */
  readonly port?: number
  /** Announced in `open`, and expected before each topic's name. */
  readonly topicPrefix?: string
  /** Credentials by user name; SASL is not asked for if absent. */
  readonly users?: Readonly<Record<string, string>>
  /** Topics that nobody may read. */
  readonly denied?: readonly string[]
  readonly tls?: TlsOptions
  /** Asked of clients: to send something at least so often (ms). */
  readonly idleTimeout?: number
}

export interface Amqp10Broker {
  readonly port: number
  /** The addresses, durabilities and link names of the live subscriptions. */
  readonly subscriptions: readonly { address: string; durable: unknown; name: string; capabilities: unknown }[]
  /** How many messages clients have accepted. */
  readonly accepted: number
  /** Resolves when clients have accepted so many in all. */
  acceptedAll(count: number): Promise<void>
  /** Resolves when clients have sent something `times` times more, a heartbeat for one. */
  heard(times: number): Promise<void>
  /** Sends to the topic's subscribers: a message, or bytes as they are. */
  publish(topic: string, message: Message | Buffer): void
  /** Destroys every connection, as a crash would. */
  drop(): void
  /** Closes every connection politely, with this condition. */
  dismiss(condition: string): void
  /** Stops to read and to answer, and keeps the connections: what SIGSTOP does. */
  freeze(): void
  stop(): Promise<void>
}

/** A topic broker inside the test's own process: rhea, listening. */
export async function startAmqp10Broker(
  t: { after(hook: () => Promise<void>): void },
  options: Amqp10BrokerOptions = {},
): Promise<Amqp10Broker> {
  const { topicPrefix, users, denied = [] } = options
  const container = rhea.create_container({ id: 'test-broker' })
  const senders = new Set<Sender>()
  const backlog = new Map<Sender, (Message | Buffer)[]>()
  const connections = new Set<Connection>()
  const sockets = new Set<Socket>()
  const heard = new EventEmitter()
  let accepted = 0
  container.on('accepted', () => {
    accepted++
    heard.emit('accepted')
  })
  if (users !== undefined) {
    container.sasl_server_mechanisms.enable_plain((name: string, word: string) => users[name] === word)
  }
  const flush = (sender: Sender) => {
    const queue = backlog.get(sender) ?? []
    while (queue.length > 0 && sender.sendable()) {
      const message = queue.shift()
      if (Buffer.isBuffer(message)) sender.send(message, undefined, 0)
      else if (message !== undefined) sender.send(message)
    }
  }
  container.on('connection_open', ({ connection }: EventContext) => connections.add(connection))
  container.on('sender_open', ({ sender }: EventContext) => {
    if (sender === undefined) return
    const address = sender.source.address
    if (denied.includes(address)) {
      sender.close({ condition: 'amqp:unauthorized-access', description: 'not allowed to read' })
      return
    }
    sender.set_source({ address })
    senders.add(sender)
    backlog.set(sender, [])
  })
  container.on('sendable', ({ sender }: EventContext) => {
    if (sender !== undefined) flush(sender)
  })
  const forget = ({ connection }: EventContext) => {
    connections.delete(connection)
    for (const sender of senders) if (sender.connection === connection) senders.delete(sender)
  }
  for (const event of ['disconnected', 'connection_close']) container.on(event, forget)
  for (const event of ['connection_error', 'protocol_error', 'error', 'receiver_error', 'sender_error']) {
    container.on(event, () => undefined)
  }
  const common = {
    host: '127.0.0.1',
    port: options.port ?? 0,
    require_sasl: users !== undefined,
    tcp_no_delay: true,
    session_buffer_size: { incoming: 2048, outgoing: 32_768 },
    ...(options.idleTimeout === undefined ? {} : { idle_time_out: options.idleTimeout }),
    ...(topicPrefix === undefined ? {} : { properties: { 'topic-prefix': topicPrefix } }),
  }
  const server =
    options.tls === undefined
      ? container.listen(common)
      : container.listen({ ...common, ...options.tls, transport: 'tls' })
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('data', () => heard.emit('chunk'))
    socket.on('error', () => undefined)
    socket.once('close', () => sockets.delete(socket))
  })
  await once(server, 'listening')

  const drop = () => {
    // With an error: rhea stops a connection's timers at the socket's 'error', and not at its 'close'.
    for (const socket of sockets) socket.destroy(new Error('dropped'))
  }
  const stop = async () => {
    if (!server.listening) return
    const closed = once(server, 'close')
    server.close()
    drop()
    await closed
  }
  t.after(stop)
  return {
    port: (server.address() as AddressInfo).port,
    get subscriptions() {
      return [...senders].map((sender) => ({
        address: sender.source.address,
        durable: sender.source.durable,
        capabilities: sender.source.capabilities,
        name: sender.name,
      }))
    },
    get accepted() {
      return accepted
    },
    async acceptedAll(count) {
      while (accepted < count) await once(heard, 'accepted')
    },
    async heard(times) {
      for (let i = 0; i < times; i++) await once(heard, 'chunk')
    },
    publish(topic, message) {
      for (const sender of senders) {
        if (sender.source.address !== (topicPrefix ?? '') + topic) continue
        backlog.get(sender)?.push(message)
        flush(sender)
      }
    },
    drop,
    dismiss(condition) {
      for (const connection of connections) connection.close({ condition, description: 'go away' })
    },
    freeze() {
      for (const socket of sockets) {
        socket.pause()
        socket.removeAllListeners('data')
        socket.write = () => true
      }
    },
    stop,
  }
}
