import { brokerKeys, connectionRemedy, type SourceKeys } from '../../remedies.js'
import type { Protocol } from '../provider-url/provider.js'
import type { Broker } from './broker.js'

const KEYS: Readonly<Record<Protocol, SourceKeys>> = {
  'amqp-0-9-1': brokerKeys("amqps:// (in a brokerlist ssl='true')", "amqp:// (in a brokerlist no ssl='true')"),
  'amqp-1-0': brokerKeys('amqp10s:// (in a failover list amqps://)', 'amqp10:// (in a failover list amqp://)'),
  openwire: brokerKeys('ssl://', 'tcp://'),
}

/** A broker that could not be spoken to. Its message says what to change in the configuration; its cause, what happened. */
class BrokerUnreachable extends Error {
  readonly code = 'ERR_BROKER_UNREACHABLE'
}

/** Makes an attempt; one that fails for how the connection is configured rejects with what to change. */
export async function withRemedy<T>(
  protocol: Protocol,
  { host, port, tls }: Broker,
  signal: AbortSignal,
  attempt: () => Promise<T>,
): Promise<T> {
  try {
    return await attempt()
  } catch (error) {
    // A broker that refuses something was spoken to in the right way.
    const isRefusal = error instanceof Error && 'slow' in error && error.slow === true
    if (signal.aborted || isRefusal) throw error
    const remedy = await connectionRemedy(error, { name: 'the broker', host, port, tls }, KEYS[protocol])
    throw remedy === undefined ? error : new BrokerUnreachable(remedy, { cause: error })
  }
}
