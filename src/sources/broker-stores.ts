import { CertificateError, readKeyStore, readTrustStore } from '../certificates/index.js'
import { type Provider, ProviderUrlError, type StoreReference, storesOf } from './realtime/index.js'

/** What is configured beside a broker's URL, and wins over the stores that it names. */
interface Given {
  readonly ca?: unknown
  readonly cert?: unknown
}

/**
 * The certificates and the key, as PEM, of the trust store and the key store that a broker's URL names: PKCS12 or PEM files.
 * Throws ProviderUrlError, without the file's path: where quotes are wrong in the URL, that may be a piece of a password.
 */
export async function urlMaterial(
  provider: Provider,
  given: Given,
): Promise<{ ca?: string[]; cert?: string; key?: string }> {
  const { trustStore, keyStore } = usedStores(provider, given)
  return {
    ...(trustStore === undefined ? {} : { ca: await read('trust_store', trustStore, authoritiesOf) }),
    ...(keyStore === undefined ? {} : await read('key_store', keyStore, keyPairOf)),
  }
}

/** The certificates of the stores that are used, by option, to look at. */
export function urlCertificates(provider: Provider, given: Given) {
  const { trustStore, keyStore } = usedStores(provider, given)
  return [
    ...(trustStore === undefined ? [] : [{ option: 'trust_store', read: () => authoritiesOf(trustStore) }]),
    ...(keyStore === undefined ? [] : [{ option: 'key_store', read: async () => [(await keyPairOf(keyStore)).cert] }]),
  ]
}

function usedStores(provider: Provider, given: Given) {
  const { trustStore, keyStore } = storesOf(provider)
  return {
    trustStore: given.ca === undefined ? trustStore : undefined,
    keyStore: given.cert === undefined ? keyStore : undefined,
  }
}

async function authoritiesOf({ path, password }: StoreReference): Promise<string[]> {
  return (await readTrustStore(path, password)).certificates.map(({ pem }) => pem)
}

async function keyPairOf({ path, password, alias }: StoreReference): Promise<{ cert: string; key: string }> {
  const { cert, key } = await readKeyStore(path, password, alias)
  return { cert, key }
}

async function read<T>(option: string, store: StoreReference, from: (store: StoreReference) => Promise<T>): Promise<T> {
  try {
    return await from(store)
  } catch (error) {
    const text = error instanceof CertificateError ? error.message.replace(`${store.path}: `, '') : 'cannot be read'
    throw new ProviderUrlError('ERR_PROVIDER_OPTION', `option ${option}: the file that it names ${text}`)
  }
}
