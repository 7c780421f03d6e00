import { rootCertificates } from 'node:tls'
import type { BrokerTls } from '../broker/broker.js'
import { type Provider, ProviderUrlError, type StoreReference } from './provider.js'

/**
 * What the URL says of TLS, completed by what is given beside it, which wins: whom to trust, beside the public
 * authorities, and who we are.
 */
export function providerTls({ brokers }: Provider, given: BrokerTls): BrokerTls {
  return {
    // One broker that is to be verified is reason enough to verify all.
    verifyHostname: brokers.some(({ tls, verifyHostname }) => tls && verifyHostname),
    ...given,
    ...(given.ca === undefined ? {} : { ca: [...rootCertificates, ...[given.ca].flat()] }),
  }
}

/** The files that the URL names, of all of its brokers that speak TLS. Throws ProviderUrlError where they differ. */
export function storesOf({ brokers }: Provider): {
  readonly trustStore: StoreReference | undefined
  readonly keyStore: StoreReference | undefined
} {
  const secure = brokers.filter(({ tls }) => tls)
  return {
    trustStore: common(
      secure.map((broker) => broker.trustStore),
      'trust_store',
    ),
    keyStore: common(
      secure.map((broker) => broker.keyStore),
      'key_store',
    ),
  }
}

/** The one store of all brokers. */
function common(stores: readonly (StoreReference | undefined)[], option: string): StoreReference | undefined {
  const [first] = stores
  if (stores.some((store) => store?.path !== first?.path)) {
    throw new ProviderUrlError('ERR_PROVIDER_OPTION', `option ${option}: expected the same for all brokers with TLS`)
  }
  return first
}
