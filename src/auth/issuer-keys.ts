import { createPublicKey, type KeyObject } from 'node:crypto'
import { findCertificate, namingKey, readPublicKey, readTrustStore } from '../certificates/index.js'
import type { Config } from '../config/index.js'
import type { HttpClient } from '../http-client/index.js'
import type { Logger } from '../logging/index.js'
import { Jwks } from './jwks.js'
import { FixedKey, FixedKeyError, SharedSecret, type VerificationKeys } from './verification-keys.js'

type IssuerConfig = Config['jwtTokenConfig'][number]

/** What a key set is fetched with. */
export interface KeySetParts {
  readonly client: HttpClient
  readonly logger: Logger
}

/**
 * The keys of an issuer that sign its messages: those of each `[[jwtTokenConfig]]` with this `iss`, shared secrets left out. Throws
 * for certificates and keys that cannot be used.
 */
export function messageKeys(config: Config, issuer: string, parts: KeySetParts): Promise<readonly VerificationKeys[]> {
  const named = config.jwtTokenConfig.filter((each) => each.issuer === issuer && each.sharedSecret.isEmpty)
  return Promise.all(named.map((each) => keysOf(each, config, (url) => keySet(url, parts))))
}

/** The key set at a URL (RFC 7517), fetched when first needed. */
export function keySet(url: string, parts: KeySetParts): Jwks {
  return new Jwks({ ...parts, url, onKeysDropped: () => undefined })
}

/**
 * The keys that an issuer's configuration names. Throws for certificates, keys and secrets that cannot be used.
 *
 * @param jwks makes the key set of a URL
 */
export async function keysOf(
  issuer: IssuerConfig,
  config: Config,
  jwks: (url: string) => VerificationKeys,
): Promise<VerificationKeys> {
  if (!issuer.sharedSecret.isEmpty) return new SharedSecret(issuer.sharedSecret, issuer.issuer)
  if (issuer.jwksURL !== undefined) return jwks(issuer.jwksURL)
  const { certFile } = issuer
  if (certFile !== undefined) {
    return fixedKey(await namingKey('jwtTokenConfig.certFile', () => readPublicKey(certFile)), certFile)
  }
  const { trustStorePath, trustStorePassword } = config.listenerConfig
  if (issuer.certificateAlias === undefined || trustStorePath === undefined) {
    throw new TypeError(
      `${issuer.issuer}: jwksURL, certFile or certificateAlias (in listenerConfig.trustStorePath) is needed`,
    )
  }
  const store = await namingKey('listenerConfig.trustStorePath', () =>
    readTrustStore(trustStorePath, trustStorePassword),
  )
  const { pem } = findCertificate(store, issuer.certificateAlias)
  return fixedKey(pem, `${trustStorePath}: ${issuer.certificateAlias}`)
}

/** @param from for the error: the file, and the entry in it */
function fixedKey(pem: string, from: string): FixedKey {
  let key: KeyObject
  try {
    key = createPublicKey(pem)
  } catch (cause) {
    throw new FixedKeyError(`${from}: invalid key, or unsupported type`, { cause })
  }
  return new FixedKey(key, from)
}
