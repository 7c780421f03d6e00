import { createPublicKey, type KeyObject } from 'node:crypto'
import { findCertificate, readPublicKey, readTrustStore } from '../certificates/index.js'
import type { Config } from '../config/index.js'
import { type HttpClient, observeDates, type Witness } from '../http-client/index.js'
import type { Logging } from '../logging/index.js'
import type { Fingerprint, Fingerprinter } from '../token/index.js'
import type { Authenticator, TokenNames } from './authenticator.js'
import { CachedIds } from './cached-ids.js'
import { CredentialAuthenticator } from './credential-authenticator.js'
import type { Examination } from './examination.js'
import { Jwks } from './jwks.js'
import { JwtAuthenticator } from './jwt.js'
import { keyManagerCredentials } from './key-manager-credentials.js'
import { OpaqueAuthenticator } from './opaque.js'
import { FixedKey, FixedKeyError, SharedSecret, type VerificationKeys } from './verification-keys.js'

/** The authenticator, and what it must be told about revocations. */
export interface OpenedAuthentication {
  readonly authenticator: Authenticator & TokenNames
  /** Whether a realtime source is live: while none is, introspection answers are cached for a shorter time. */
  realtime(isLive: boolean): void
  /** Says step by step what becomes of a credential, for people. */
  examine(credential: string, now: number): Promise<Examination>
  /** The issuers that tokens and revocations may be of. */
  readonly knownIssuers: readonly string[]
  /** To be told of each new id of a revoked token in the list. */
  tokenRevoked(id: Fingerprint): void
}

type IssuerConfig = Config['jwtTokenConfig'][number]

/** Builds the authenticator of a configuration. Throws for unusable keys, secrets and claim mappings. */
export async function openAuthentication(
  config: Config,
  parts: {
    readonly client: HttpClient
    readonly fingerprints: Fingerprinter
    readonly logging: Logging
    /** Told the time in the `Date` of issuers' responses. */
    readonly witness?: Witness
  },
): Promise<OpenedAuthentication> {
  const { client, fingerprints, logging, witness } = parts
  const ahead = new Map<string, number>() // of the monotonic clock, by server
  const issuersClient = observeDates(client, (server, date) => void ahead.set(server, date - performance.now()))
  const keysClient = witness === undefined ? issuersClient : observeDates(issuersClient, witness)
  const limits = {
    timestampSkew: config.server.timestampSkew,
    cacheCapacity: config.caching.tokenCacheCapacity,
    cacheExpiryTime: config.caching.enabled ? config.caching.tokenCacheExpiryTime : 0,
    fingerprints,
    issuersNow: () => Math.max(...ahead.values()) + performance.now(),
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
  const { keyManager } = config
  const jwtIds = new CachedIds()
  const jwt = new JwtAuthenticator({
    ...limits,
    issuers,
    knownIssuers: knownIssuers(config),
    ...(keyManager && { observer: jwtIds }),
  })
  holder.jwt = jwt
  const explained = {
    examine: (credential: string, now: number) => jwt.examine(credential, now),
    knownIssuers: jwt.knownIssuers,
  }
  if (keyManager === undefined) {
    const authenticator = new CredentialAuthenticator({ jwt, introspectFailedJwt: false, ...limits })
    return { ...explained, authenticator, realtime: () => undefined, tokenRevoked: () => undefined }
  }
  const opaque = new OpaqueAuthenticator({
    ...limits,
    serverUrl: keyManager.serverUrl,
    tokenContext: keyManager.tokenContext,
    client: issuersClient,
    credentials: keyManagerCredentials(keyManager.security, client),
    acceptUntypedTokens: keyManager.acceptUntypedTokens,
    acceptPaddedTokens: keyManager.acceptPaddedTokens,
    recheck: keyManager.opaqueRecheck,
    issuers: jwt.knownIssuers,
    logger: logging('KeyManager'),
  })
  return {
    ...explained,
    authenticator: new CredentialAuthenticator({
      jwt,
      opaque,
      introspectFailedJwt: keyManager.enableIntrospectForFailedJWT,
      ...limits,
    }),
    realtime(isLive) {
      opaque.setRealtimeDown(!isLive)
      // Neither answers cached before a gap nor those asked for during it know what was revoked in the gap.
      opaque.flush()
    },
    tokenRevoked(id) {
      if (!jwtIds.has(id)) opaque.tokenRevoked()
    },
  }
}

/** Every issuer that the configuration names: of tokens, and of revocations. */
function knownIssuers({ jwtTokenConfig, tokenRevocationConfig: { realtime, persistent } }: Config): string[] {
  const named = [...jwtTokenConfig.map(({ issuer }) => issuer), realtime.issuer, persistent.issuer]
  return [...new Set(named.filter((issuer) => issuer !== undefined))]
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
    throw new FixedKeyError(`${from}: invalid key, or unsupported type`, { cause })
  }
  return new FixedKey(key, from)
}
