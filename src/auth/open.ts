import { createPublicKey, type KeyObject } from 'node:crypto'
import { findCertificate, readPublicKey, readTrustStore } from '../certificates/index.js'
import type { Config } from '../config/index.js'
import { type HttpClient, observeDates, type Witness } from '../http-client/index.js'
import type { Logging } from '../logging/index.js'
import type { Fingerprinter } from '../token/index.js'
import type { Authenticator } from './authenticator.js'
import { CredentialAuthenticator } from './credential-authenticator.js'
import { FixedKey, FixedKeyError } from './fixed-key.js'
import { Jwks } from './jwks.js'
import { JwtAuthenticator } from './jwt.js'
import { keyManagerCredentials } from './key-manager-credentials.js'
import { OpaqueAuthenticator } from './opaque.js'
import { SharedSecret } from './shared-secret.js'
import type { VerificationKeys } from './verification-keys.js'

/** What checks credentials, and what it must be told. */
export interface OpenedAuthentication {
  readonly authenticator: Authenticator
  /** Revocations come at once, or they do not: while they do not, the key manager is asked more often. */
  realtime(isLive: boolean): void
}

type IssuerConfig = Config['jwtTokenConfig'][number]

/** Everything that a configuration says about credentials. Throws what is wrong with keys, secrets and claim mappings. */
export async function openAuthentication(
  config: Config,
  parts: {
    readonly client: HttpClient
    readonly fingerprints: Fingerprinter
    readonly logging: Logging
    /** Told what time issuers' answers say it is. */
    readonly witness?: Witness
  },
): Promise<OpenedAuthentication> {
  const { client, fingerprints, logging, witness } = parts
  const keysClient = witness === undefined ? client : observeDates(client, witness)
  const limits = {
    timestampSkew: config.server.timestampSkew,
    cacheCapacity: config.caching.tokenCacheCapacity,
    cacheExpiryTime: config.caching.enabled ? config.caching.tokenCacheExpiryTime : 0,
    fingerprints,
  }
  const holder: { jwt?: JwtAuthenticator } = {}
  const jwks = (url: string) =>
    new Jwks({
      url,
      client: keysClient,
      logger: logging('JWTAuthProvider'),
      onKeysDropped: () => holder.jwt?.forgetVerified(),
    })
  const issuers = await Promise.all(
    config.jwtTokenConfig.map(async (issuer) => ({ ...issuer, keys: await keysOf(issuer, config, jwks) })),
  )
  const jwt = new JwtAuthenticator({ ...limits, issuers })
  holder.jwt = jwt
  const { keyManager } = config
  if (keyManager === undefined) {
    const authenticator = new CredentialAuthenticator({ jwt, introspectFailedJwt: false, ...limits })
    return { authenticator, realtime: () => undefined }
  }
  const opaque = new OpaqueAuthenticator({
    ...limits,
    serverUrl: keyManager.serverUrl,
    tokenContext: keyManager.tokenContext,
    client,
    credentials: keyManagerCredentials(keyManager.security, client),
    acceptUntypedTokens: keyManager.acceptUntypedTokens,
    logger: logging('KeyManager'),
  })
  return {
    authenticator: new CredentialAuthenticator({
      jwt,
      opaque,
      introspectFailedJwt: keyManager.enableIntrospectForFailedJWT,
      ...limits,
    }),
    realtime(isLive) {
      opaque.setRealtimeDown(!isLive)
      // What was revoked in a gap is in no cache's knowledge: neither in what was remembered before the gap nor in what
      // was asked during it.
      opaque.flush()
    },
  }
}

async function keysOf(issuer: IssuerConfig, config: Config, jwks: (url: string) => Jwks): Promise<VerificationKeys> {
  if (!issuer.sharedSecret.isEmpty) return new SharedSecret(issuer.sharedSecret)
  if (issuer.jwksURL !== undefined) return jwks(issuer.jwksURL)
  if (issuer.certFile !== undefined) return fixedKey(await readPublicKey(issuer.certFile), issuer.certFile)
  const { trustStorePath, trustStorePassword } = config.listenerConfig
  if (issuer.certificateAlias === undefined || trustStorePath === undefined) {
    throw new TypeError(
      `${issuer.issuer}: jwksURL, certFile or certificateAlias (in listenerConfig.trustStorePath) is needed`,
    )
  }
  const store = await readTrustStore(trustStorePath, trustStorePassword)
  const { pem } = findCertificate(store, issuer.certificateAlias)
  return fixedKey(pem, `${trustStorePath}: ${issuer.certificateAlias}`)
}

/** @param from for the error: the file, and the entry in it */
function fixedKey(pem: string, from: string): FixedKey {
  let key: KeyObject
  try {
    key = createPublicKey(pem)
  } catch (cause) {
    throw new FixedKeyError(`${from}: its key is damaged, or of an unknown kind`, { cause })
  }
  return new FixedKey(key, from)
}
