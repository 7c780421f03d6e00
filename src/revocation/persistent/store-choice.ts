import { type EtcdEndpoint, etcdEndpoint, namesEtcd } from './etcd-endpoint.js'
import { StoreError } from './store-error.js'

/** The keys of `[tokenRevocationConfig.persistent]` that say which store is meant; absent where the file has none. */
export interface StoreSettings {
  readonly type?: string | undefined
  /** WSO2 3.1: `true` is its own etcd client, or its event hub; `false` a store of one's own. */
  readonly useDefault?: boolean | undefined
  readonly endpointURL?: string | undefined
  /** WSO2 3.0 and 3.1 (also as `hotsname`); wins over `endpointURL` unless it is empty. */
  readonly hostname?: string | undefined
}

export type StoreChoice =
  | { readonly kind: 'event-hub'; readonly endpointUrl: string }
  | { readonly kind: 'etcd'; readonly endpoint: EtcdEndpoint }
  | { readonly kind: 'module'; readonly type: string }

/**
 * Which store a configuration means, in WSO2's newer spelling (`type`) or its older one (`useDefault`).
 * Throws {@link StoreError} `ERR_STORE_CONFIG` for what contradicts itself.
 */
export function chooseStore(settings: StoreSettings): StoreChoice {
  const { type, useDefault } = settings
  const endpointUrl = settings.hostname?.trim() || settings.endpointURL?.trim() || ''
  if (type === 'etcd') return { kind: 'etcd', endpoint: etcdEndpoint(endpointUrl) }
  if (type !== undefined && type !== 'default') return { kind: 'module', type }
  if (type === 'default') {
    if (!namesEtcd(endpointUrl)) return { kind: 'event-hub', endpointUrl }
    throw new StoreError(
      'ERR_STORE_CONFIG',
      'type = "default" is WSO2\'s event hub, but endpointURL names the keys of an etcd: write type = "etcd"',
    )
  }
  if (useDefault === false) {
    throw new StoreError(
      'ERR_STORE_CONFIG',
      'useDefault = false means a store of one\'s own: name it with type = "..." and module = "./my-store.js"',
    )
  }
  if (namesEtcd(endpointUrl)) return { kind: 'etcd', endpoint: etcdEndpoint(endpointUrl) }
  return { kind: 'event-hub', endpointUrl }
}
