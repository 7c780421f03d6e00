import { type Config, namesEtcd } from '../../config/index.js'
import type { HttpClient } from '../../http-client/index.js'
import type { Logging } from '../../logging/index.js'
import { type PersistentStore, StoreError } from '../source.js'
import { type EtcdEndpoint, etcdEndpoint } from './etcd/endpoint.js'

/** A listing of the hub may take this long (ms) and be this large (bytes): a million entries are about 100 MB. */
const LIST_TIMEOUT = 300_000
const LIST_MAX_BYTES = 4 * 2 ** 30

/** The keys of `[tokenRevocationConfig.persistent]` that choose the store. */
export interface StoreSettings {
  readonly type?: string | undefined
  readonly endpointURL?: string | undefined
}

export type StoreChoice =
  | { readonly kind: 'event-hub'; readonly endpointUrl: string }
  | { readonly kind: 'etcd'; readonly endpoint: EtcdEndpoint }
  | { readonly kind: 'module'; readonly type: string }

/** The store that a configuration means. Throws {@link StoreError} `ERR_STORE_CONFIG` for one that contradicts itself. */
export function chooseStore(settings: StoreSettings): StoreChoice {
  const { type } = settings
  const endpointUrl = settings.endpointURL?.trim() ?? ''
  if (type === 'etcd') return { kind: 'etcd', endpoint: etcdEndpoint(endpointUrl) }
  if (type !== undefined && type !== 'default') return { kind: 'module', type }
  if (type === 'default') {
    if (!namesEtcd(endpointUrl)) return { kind: 'event-hub', endpointUrl }
    throw new StoreError(
      'ERR_STORE_CONFIG',
      'type = "default" is WSO2\'s event hub, but endpointURL names the keys of an etcd: write type = "etcd"',
    )
  }
  if (namesEtcd(endpointUrl)) return { kind: 'etcd', endpoint: etcdEndpoint(endpointUrl) }
  return { kind: 'event-hub', endpointUrl }
}

/** What a store is opened with. */
export interface StoreContext {
  readonly config: Config
  /** For the stores that are called over HTTP. */
  readonly client: HttpClient
  /** PEM that the store's section names: authorities that are trusted beside the public ones, and a client certificate. */
  readonly tls: { readonly ca?: readonly string[]; readonly cert?: string; readonly key?: string }
  /** Epoch ms, no later than the real time as far as known. */
  readonly notAfter: () => number
  readonly logging: Logging
}

/**
 * Opens the store of a choice, loading only the modules that it needs: etcd's client alone takes longer than the rest of
 * a start. Throws {@link StoreError} for a store module that can't be used.
 */
export async function openPersistentStore(choice: StoreChoice, context: StoreContext): Promise<PersistentStore> {
  const { config, client, notAfter, logging } = context
  const { persistent, retention } = config.tokenRevocationConfig
  const login = { username: persistent.username, password: persistent.password }
  if (choice.kind === 'event-hub') {
    const limits = { timeout: LIST_TIMEOUT, maxBytes: LIST_MAX_BYTES, retention }
    const { eventHubStore } = await import('./event-hub/store.js')
    return eventHubStore({ ...login, ...limits, endpointUrl: choice.endpointUrl, client, logging })
  }
  if (choice.kind === 'module') {
    const { moduleStore } = await import('./module/store.js')
    if (persistent.module === undefined) throw new Error('module: name the JavaScript file that exports createStore')
    const section = { ...persistent, password: persistent.password.reveal(), ...persistent.options }
    return moduleStore({ file: persistent.module, section, logging })
  }
  const { endpoint } = choice
  const { etcdV2Store } = await import('./etcd-v2/store.js')
  if (endpoint.api === 'v2') return etcdV2Store({ ...login, endpoint, client, retention, notAfter, logging })
  if (endpoint.servers.some((server) => server.startsWith('https:'))) warnOfStrictTls(config, logging)
  const { etcdV3Store } = await import('./etcd-v3/store.js')
  const { EtcdV2AlongsideV3 } = await import('./etcd-v2/alongside-v3.js')
  // Without a word about a user name that v2 does not need: the v3 API reports that itself.
  const beside = etcdV2Store({ ...login, endpoint, client, retention, root: true, logging })
  const v2 = new EtcdV2AlongsideV3(beside, logging('TokenRevocation'))
  return etcdV3Store({ ...login, ...context.tls, endpoint, retention, notAfter, v2, logging })
}

/** etcd3 over gRPC always verifies certificates: warns that the keys which relax that have no effect, and what to set. */
function warnOfStrictTls({ httpClients }: Config, logging: Logging): void {
  const { warn } = logging('TokenRevocation')
  if (httpClients.disableSslVerification) {
    warn(
      "httpClients.disableSslVerification has no effect on etcd's v3 API: name the authority that signed its certificate in tokenRevocationConfig.persistent.caFile",
    )
  } else if (!httpClients.verifyHostname) {
    warn(
      "httpClients.verifyHostname = false has no effect on etcd's v3 API: write a host name that is in its certificate into tokenRevocationConfig.persistent.endpointURL",
    )
  }
}
