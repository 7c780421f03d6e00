import { once } from 'node:events'
import rhea, { type Connection, type EventContext, type Receiver, type ReceiverOptions } from 'rhea'
import type { Test } from 'tap'
import { Secret } from '../../../src/config/secret.js'
import { type Broker, type QueueLimits, startBroker } from '../../../src/demo/broker/index.js'

export const TOPIC = 'tokenRevocation'

export async function broker(t: Test, queueLimits?: QueueLimits): Promise<Broker> {
  const started = await startBroker({
    port: 0,
    username: 'admin',
    password: new Secret('admin'),
    ...(queueLimits === undefined ? {} : { queueLimits }),
  })
  t.teardown(() => started.close())
  return started
}

/** A connection that does not reconnect. Its errors are for the test to await. */
export function connect(t: Test, port: number, password = 'admin'): Connection {
  const connection = rhea
    .create_container()
    .connect({ host: '127.0.0.1', port, username: 'admin', password, reconnect: false })
  for (const event of ['connection_error', 'disconnected', 'error']) connection.on(event, () => undefined)
  t.teardown(() => connection.close())
  return connection
}

/** Subscribes and waits until the broker has confirmed it. */
export async function subscribe(
  t: Test,
  port: number,
  options: ReceiverOptions & { topic?: string } = {},
): Promise<Receiver> {
  const { topic = TOPIC, ...rest } = options
  const receiver = connect(t, port).open_receiver({ source: `topic://${topic}`, ...rest })
  await once(receiver, 'receiver_open')
  return receiver
}

/** The bodies of the next messages, once there are so many of them. */
export function bodies(receiver: Receiver, count: number): Promise<unknown[]> {
  const seen: unknown[] = []
  return new Promise((resolve) => {
    receiver.on('message', ({ message }: EventContext) => {
      seen.push(message?.body)
      if (seen.length === count) resolve(seen)
    })
  })
}
