import { readFileSync } from 'node:fs'
import { createSecureContext, rootCertificates } from 'node:tls'
import type { BrokerTls } from '../broker/broker.js'
import { type Provider, ProviderUrlError, type StoreReference } from './provider.js'

const PEM = /-----BEGIN /
/** Java's own format (and its sealed twin) begins with this. */
const JAVA_KEY_STORE = 0xfeedfeed
const SEALED_JAVA_KEY_STORE = 0xcececece

/**
 * What the URL says of TLS, completed by what is configured beside it, which wins: whom to trust, beside the public
 * authorities, and who we are.
 * Reads the files that the URL names. Throws ProviderUrlError where the brokers differ, or a file can't be used.
 */
export function providerTls({ brokers }: Provider, given: BrokerTls): BrokerTls {
  const secure = brokers.filter(({ tls }) => tls)
  const trustStore = common(
    secure.map((broker) => broker.trustStore),
    'trust_store',
  )
  const keyStore = common(
    secure.map((broker) => broker.keyStore),
    'key_store',
  )
  return {
    ...(trustStore === undefined || given.ca !== undefined ? {} : readTrustStore(trustStore)),
    ...(keyStore === undefined || given.cert !== undefined || given.pfx !== undefined ? {} : readKeyStore(keyStore)),
    // One broker that is to be verified is reason enough to verify all.
    verifyHostname: secure.some((broker) => broker.verifyHostname),
    ...given,
    ...(given.ca === undefined ? {} : { ca: [...rootCertificates, ...[given.ca].flat()] }),
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

function readTrustStore({ path }: StoreReference): BrokerTls {
  const bytes = read(path, 'trust_store')
  if (!PEM.test(bytes.toString('latin1'))) {
    throw new ProviderUrlError('ERR_PROVIDER_OPTION', 'option trust_store: expected a PEM file; or set caFile to one')
  }
  return { ca: [...rootCertificates, bytes.toString('utf8')] }
}

function readKeyStore({ path, password }: StoreReference): BrokerTls {
  const bytes = read(path, 'key_store')
  const passphrase = password.reveal()
  const start = bytes.length >= 4 ? bytes.readUInt32BE(0) : 0
  if (start === JAVA_KEY_STORE || start === SEALED_JAVA_KEY_STORE) {
    throw new ProviderUrlError('ERR_PROVIDER_OPTION', 'option key_store: expected a PKCS12 or PEM file, not JKS')
  }
  const own = PEM.test(bytes.toString('latin1')) ? { cert: bytes, key: bytes, passphrase } : { pfx: bytes, passphrase }
  try {
    createSecureContext(own)
  } catch {
    const message = 'option key_store: TLS cannot use it: wrong key_store_password, or no key with its certificate'
    throw new ProviderUrlError('ERR_PROVIDER_OPTION', message)
  }
  return own
}

function read(path: string, option: string): Buffer {
  try {
    return readFileSync(path)
  } catch {
    throw new ProviderUrlError('ERR_PROVIDER_OPTION', `option ${option}: the file that it names can't be read`)
  }
}
