import type { Config } from '../config/index.js'
import type { HttpClient } from '../http-client/index.js'
import type { Logging } from '../logging/index.js'
import { eventHubStore } from './persistent/event-hub.js'
import { amqp10Source } from './realtime/amqp-1-0/index.js'
import type { PersistentStore, RealtimeSource } from './record.js'

type Realtime = Config['tokenRevocationConfig']['realtime']
type Persistent = Config['tokenRevocationConfig']['persistent']

/** A configured source that cannot be made: `problems` has the key's path and the remedy. */
export class SourceError extends Error {
  override readonly name = 'SourceError'
  readonly code = 'ERR_REVOCATION_SOURCE'
  readonly problems: readonly { path: string; message: string; remedy?: string }[]

  constructor(path: string, message: string, remedy: string) {
    super(`${path}: ${message}; ${remedy}`)
    this.problems = [{ path, message, remedy }]
  }
}

/** A listing of a store may take this long and be this large: a million entries are about 100 MB. */
const LIST_TIMEOUT = 300_000
const LIST_MAX_BYTES = 4 * 2 ** 30
const AMQP_10 = /^amqp10(s?):\/\/([^:/?#@]+|\[[0-9a-fA-F:]+\])(?::(\d{1,5}))?\/?$/

/** The topic that `[tokenRevocationConfig.realtime]` names, if it is enabled. Throws {@link SourceError}. */
export function realtimeSource(
  config: Realtime,
  caFile: string | undefined,
  logging: Logging,
): RealtimeSource | undefined {
  if (!config.enableRealtimeMessageRetrieval) return undefined
  const [, secure, host, port] = AMQP_10.exec(config.jmsConnectionProviderUrl.reveal()) ?? []
  if (host === undefined) {
    throw new SourceError(
      'tokenRevocationConfig.realtime.jmsConnectionProviderUrl',
      'this protocol is not supported yet',
      'name a broker that speaks AMQP 1.0, as in "amqp10://localhost:5672"',
    )
  }
  const tls = secure === 's'
  return amqp10Source({
    brokers: [{ host: host.replace(/^\[|\]$/g, ''), port: Number(port ?? (tls ? 5671 : 5672)), tls }],
    topic: config.jmsConnectionTopic,
    username: config.jmsConnectionUsername,
    password: config.jmsConnectionPassword,
    ...(caFile === undefined ? {} : { tls: { ca: caFile } }),
    logging,
  })
}

/** The store that `[tokenRevocationConfig.persistent]` names, if it is enabled. Throws {@link SourceError}. */
export function persistentStore(config: Persistent, client: HttpClient, logging: Logging): PersistentStore | undefined {
  if (!config.enablePersistentStorageRetrieval) return undefined
  if (config.type !== 'default') {
    throw new SourceError(
      'tokenRevocationConfig.persistent.type',
      'this store is not supported yet',
      'use type = "default", WSO2\'s event hub',
    )
  }
  return eventHubStore({
    endpointUrl: config.endpointURL ?? '',
    username: config.username,
    password: config.password,
    client,
    timeout: LIST_TIMEOUT,
    maxBytes: LIST_MAX_BYTES,
    logging,
  })
}
