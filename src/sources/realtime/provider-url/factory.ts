import { ProviderUrlError } from './error.js'
import type { Protocol } from './provider.js'

/** JNDI's initial context factories, by how their names begin; the first that fits counts. */
const FACTORIES: readonly (readonly [start: string, protocol: Protocol])[] = [
  ['org.apache.qpid.jms.jndi.', 'amqp-1-0'],
  ['org.apache.qpid.jndi', 'amqp-0-9-1'],
  ['org.wso2.andes', 'amqp-0-9-1'],
  ['wso2mb', 'amqp-0-9-1'],
  // What files of MGW 3.0 and 3.1 have.
  ['bmb', 'amqp-0-9-1'],
  ['org.apache.activemq.', 'openwire'],
]

/** The protocol that a factory's client speaks; `undefined` when none is named. Throws for one that is not known. */
export function protocolOfFactory(factory: string): Protocol | undefined {
  if (factory === '') return undefined
  const name = factory.toLowerCase()
  const known = FACTORIES.find(([start]) => name.startsWith(start))
  if (known !== undefined) return known[1]
  throw new ProviderUrlError(
    'ERR_PROVIDER_FACTORY',
    'initial context factory: expected one of WSO2 (wso2mbInitialContextFactory), ActiveMQ or Qpid',
  )
}
