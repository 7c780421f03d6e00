import { StoreError } from '../source.js'
import { type EtcdEndpoint, etcdEndpoint, namesEtcd } from './etcd/endpoint.js'

/** The keys of `[tokenRevocationConfig.persistent]` that say which store is meant; absent where the file has none. */
export interface StoreSettings {
  readonly type?: string | undefined
  readonly endpointURL?: string | undefined
}

export type StoreChoice =
  | { readonly kind: 'event-hub'; readonly endpointUrl: string }
  | { readonly kind: 'etcd'; readonly endpoint: EtcdEndpoint }
  | { readonly kind: 'module'; readonly type: string }

/**
 * Which store a configuration means. Throws {@link StoreError} `ERR_STORE_CONFIG` for what contradicts itself.
 */
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
