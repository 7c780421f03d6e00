import { connect } from 'amqplib'
import { type Broker, BrokerProtocolError, tlsOptions } from '../broker/broker.js'
import { toBrokerError } from './error.js'
import { type Amqp091Address, address } from './subscribe.js'

export interface Amqp091Target extends Amqp091Address {
  readonly exchange: string
  readonly topic: string
}

/**
 * Publishes one text message to the topic. Resolves when the broker has confirmed it (a RabbitMQ extension, which
 * Qpid's brokers have too); rejects with BrokerRefusal, BrokerProtocolError or the socket's error.
 */
export async function publish091(
  broker: Broker,
  target: Amqp091Target,
  text: string,
  signal: AbortSignal,
): Promise<void> {
  const end = new AbortController()
  const giveUp = () => end.abort()
  signal.addEventListener('abort', giveUp, { once: true })
  try {
    await new Promise<void>((resolve, reject) => {
      end.signal.addEventListener('abort', () => reject(new BrokerProtocolError('the broker did not answer in time')))
      if (signal.aborted) giveUp()
      send(broker, target, text, end.signal, resolve, reject).catch(reject)
    })
  } catch (error) {
    throw toBrokerError(error)
  } finally {
    signal.removeEventListener('abort', giveUp)
    end.abort()
  }
}

async function send(
  broker: Broker,
  target: Amqp091Target,
  text: string,
  signal: AbortSignal,
  confirmed: () => void,
  failed: (error: unknown) => void,
): Promise<void> {
  const connection = await connect(address(broker, target), {
    ...(broker.tls ? tlsOptions(broker.host, target.tls) : {}),
    noDelay: true,
    signal,
  } as Parameters<typeof connect>[1])
  connection.on('error', failed)
  connection.on('close', failed)
  const channel = await connection.createConfirmChannel()
  channel.on('error', failed)
  channel.on('close', () => failed(new BrokerProtocolError('the broker closed the channel')))
  await channel.assertExchange(target.exchange, 'topic', { durable: true })
  const timestamp = Math.floor(Date.now() / 1000)
  channel.publish(target.exchange, target.topic, Buffer.from(text), { contentType: 'text/plain', timestamp })
  await channel.waitForConfirms()
  confirmed() // however the connection ends from here on
  await connection.close().catch(() => undefined)
}
