import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readKeyPair } from '../certificates/index.js'
import { type Config, Secret } from '../config/index.js'
import {
  createHttpClient,
  type HttpClient,
  type HttpClientOptions,
  observeDates,
  type Witness,
} from '../http-client/index.js'
import { describeError, describeTarget, type Logging, silent } from '../logging/index.js'
import { readAuthorities } from './authorities.js'
import { urlCertificates, urlMaterial } from './broker-stores.js'
import { gatewayName, NameNotKept, savedName } from './gateway-name.js'
import { storeOf, topicOf } from './issuer-scope.js'
import { chooseStore, openPersistentStore, type StoreChoice } from './persistent/index.js'
import {
  PROTOCOL_NAMES,
  type Provider,
  ProviderUrlError,
  type PublishOptions,
  publish,
  readProvider,
  realtimeSource,
} from './realtime/index.js'
import type { PersistentStore, RealtimeSource } from './source.js'

/** A configured source that cannot be made. `problems` has the key's path and what is wrong; nothing secret. */
export class SourceError extends Error {
  override readonly name = 'SourceError'
  readonly code = 'ERR_REVOCATION_SOURCE'
  readonly problems: readonly { readonly path: string; readonly message: string }[]

  constructor(path: string, cause: unknown) {
    const message = cause instanceof Error ? cause.message : String(cause)
    super(`${path}: ${message}`, { cause })
    this.problems = [{ path, message }]
  }
}

/** A store, and what is to be closed with it. */
export interface OpenStore {
  readonly store: PersistentStore
  /** Where it is, for people: without user names and queries. Empty for a custom store. */
  readonly addresses: readonly string[]
  close(): Promise<unknown>
}

/**
 * What tells one set of sources from another, with nothing secret: what a list held of one says nothing of another.
 * The same for the same topic of the same brokers and the same place of the same store.
 */
export function sourcesIdentity({ identityProvider, tokenRevocationConfig: { realtime, persistent } }: Config): string {
  const topic = realtime.enableRealtimeMessageRetrieval ? [realtime.jmsConnectionTopic, ...brokersOf(realtime)] : []
  const { type, endpointURL, module } = persistent
  const store = persistent.enablePersistentStorageRetrieval ? [type, endpointURL ?? '', module ?? ''] : []
  const issuers =
    realtime.issuer === undefined && persistent.issuer === undefined
      ? {}
      : { issuers: [realtime.issuer ?? '', persistent.issuer ?? ''] }
  const polled = identityProvider.flatMap(({ issuer, ssf }) => (ssf?.delivery === 'poll' ? [issuer] : []))
  const streams = polled.length === 0 ? {} : { streams: polled.sort() }
  return JSON.stringify({ topic, store, ...issuers, ...streams })
}

/** Empty for an invalid URL: no revocation comes from it. */
function brokersOf(realtime: Config['tokenRevocationConfig']['realtime']): string[] {
  try {
    const { protocol, vhost = '', brokers } = providerOf(realtime)
    return [protocol, vhost, ...brokers.map(({ host, port }) => `${host}:${port}`).sort()]
  } catch {
    return []
  }
}

/**
 * The topic that `[tokenRevocationConfig.realtime]` names, if it is enabled. Throws {@link SourceError}.
 *
 * @param options.mayWrite whether a gateway without a name may save one; default true
 */
export async function openTopic(
  config: Config,
  logging: Logging,
  options: { readonly mayWrite?: boolean } = {},
): Promise<RealtimeSource | undefined> {
  const { realtime } = config.tokenRevocationConfig
  return withTopic(config, logging, async (provider, publishing) => {
    const durable = realtime.durableSubscription ? await durableAs(config, logging, options.mayWrite ?? true) : {}
    const source = await realtimeSource(provider, { ...publishing, ...durable }, logging)
    return spokenFor(realtime.issuer, topicOf, source)
  })
}

/** A source, of one issuer where its section names one. */
function spokenFor<Source>(
  issuer: string | undefined,
  scope: (issuer: string, source: Source) => Source,
  source: Source,
): Source {
  return issuer === undefined ? source : scope(issuer, source)
}

/** A durable subscription is one gateway's: its name outlives restarts with the rest of its state. */
async function durableAs({ server }: Config, logging: Logging, mayWrite: boolean) {
  const file = join(server.stateDirectory, 'gateway-name')
  try {
    return { durable: true, clientId: mayWrite ? await gatewayName(file) : ((await savedName(file)) ?? 'mgw') }
  } catch (error) {
    if (!(error instanceof NameNotKept)) throw error
    // No broker keeps a queue for us yet. A new name at each start would leave queues behind.
    logging('TokenRevocation').warn('the subscription is not durable: server.stateDirectory cannot be written', {
      reason: describeError(error),
    })
    return {}
  }
}

/** What publishes to the topic that `[tokenRevocationConfig.realtime]` names, if it is enabled. Throws {@link SourceError}. */
export function openPublisher(config: Config): Promise<TopicPublisher | undefined> {
  return withTopic(config, silent, async (provider, options) => ({
    name: `${options.topic} over ${PROTOCOL_NAMES[provider.protocol]}`,
    publish: (text) => publish(provider, options, text),
  }))
}

/** Publishes to one topic; see {@link publish}. */
export interface TopicPublisher {
  /** The topic and the protocol, for people. */
  readonly name: string
  publish(text: string): Promise<void>
}

async function withTopic<Made>(
  config: Config,
  logging: Logging,
  make: (provider: Provider, options: PublishOptions) => Promise<Made>,
): Promise<Made | undefined> {
  const { realtime } = config.tokenRevocationConfig
  if (!realtime.enableRealtimeMessageRetrieval) return undefined
  try {
    const provider = providerOf(realtime)
    const own = await material(realtime, logging)
    const tls = { ...(await urlMaterial(provider, own)), ...own }
    const { verifyHostname } = config.httpClients
    return await make(provider, {
      topic: realtime.jmsConnectionTopic,
      // Only `false` is passed on: it wins over the URL, which may set more.
      tls: verifyHostname ? tls : { ...tls, verifyHostname },
    })
  } catch (cause) {
    const where = cause instanceof ProviderUrlError ? '.jmsConnectionProviderUrl' : ''
    throw new SourceError(`tokenRevocationConfig.realtime${where}`, cause)
  }
}

/** The certificates in the stores that the broker's URL names, by the URL's option; none for an invalid URL. */
export function brokerCertificates({ tokenRevocationConfig: { realtime } }: Config) {
  try {
    return urlCertificates(providerOf(realtime), { ca: realtime.caFile, cert: realtime.certFile })
  } catch {
    return []
  }
}

function providerOf(realtime: Config['tokenRevocationConfig']['realtime']): Provider {
  return readProvider({
    factory: realtime.jmsConnectioninitialContextFactory ?? '',
    url: realtime.jmsConnectionProviderUrl,
    username: realtime.jmsConnectionUsername,
    password: realtime.jmsConnectionPassword,
  })
}

/** The time, as a store is told of it and tells of it. */
export interface StoreTime {
  /** Told what time the store's answers say it is. */
  readonly witness?: Witness
  /** Epoch ms, no later than the real time as far as known: what is written is kept until a moment. Default: the clock. */
  readonly notAfter?: () => number
}

/** The store that `[tokenRevocationConfig.persistent]` names, if it is enabled. Throws {@link SourceError}. */
export async function openStore(
  config: Config,
  logging: Logging,
  { witness, notAfter = Date.now }: StoreTime = {},
): Promise<OpenStore | undefined> {
  const { persistent } = config.tokenRevocationConfig
  if (!persistent.enablePersistentStorageRetrieval) return undefined
  let client: HttpClient | undefined
  try {
    const { verifyHostname, disableSslVerification } = config.httpClients
    const choice = chooseStore(persistent)
    const tls = await material(persistent, logging)
    const opened = createHttpClient({ ...tls, verifyHostname, disableSslVerification })
    client = opened
    const calls = witness === undefined ? opened : observeDates(opened, witness)
    const found = await openPersistentStore(choice, { config, client: calls, tls, notAfter, logging })
    const store = spokenFor(persistent.issuer, storeOf, found)
    return { store, addresses: addressesOf(choice), close: () => Promise.all([store.close?.(), opened.destroy()]) }
  } catch (cause) {
    await client?.destroy()
    throw new SourceError('tokenRevocationConfig.persistent', cause)
  }
}

function addressesOf(choice: StoreChoice): string[] {
  if (choice.kind === 'module') return []
  if (choice.kind === 'event-hub') return [describeTarget(choice.endpointUrl)]
  const { servers, api, prefix } = choice.endpoint
  return servers.map((server) => `${server}/${api}/keys/${prefix}`)
}

/** Whether revocations can be put to a store: WSO2's event hub only lists its own. */
export function takesRevocations<Store extends PersistentStore>(
  store: Store | undefined,
): store is Store & Required<Pick<PersistentStore, 'put'>> {
  return store?.put !== undefined
}

/** Certificates and keys in PEM, from the files that a section names. */
async function material(
  section: {
    readonly caFile?: string | undefined
    readonly certFile?: string | undefined
    readonly keyFile?: string | undefined
  },
  logging: Logging,
): Promise<Pick<HttpClientOptions, 'cert' | 'key'> & { ca?: string[] }> {
  const { caFile, certFile, keyFile } = section
  const own = certFile && keyFile ? await readKeyPair(certFile, keyFile, new Secret('')) : undefined
  return {
    ...(caFile === undefined ? {} : { ca: await authorities(caFile, logging) }),
    ...(own === undefined ? {} : { cert: own.cert, key: own.key }),
  }
}

async function authorities(file: string, logging: Logging): Promise<string[]> {
  const { certificates, damaged } = readAuthorities(await readFile(file, 'utf8'))
  if (damaged.length > 0) {
    const fields = { file, damaged: damaged.join(', '), trusted: certificates.length }
    logging('TokenRevocation').warn('certificates of caFile cannot be read; the others are trusted', fields)
  }
  return [...certificates]
}
