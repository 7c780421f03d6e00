import type { Config } from '../config/index.js'
import { type HttpClient, observeDates, observeServers, type Witness } from '../http-client/index.js'
import type { Logging } from '../logging/index.js'
import type { Fingerprint, Fingerprinter } from '../token/index.js'
import type { Authenticator, TokenNames, TokenOrigin } from './authenticator.js'
import { CachedIds } from './cached-ids.js'
import { CredentialAuthenticator, type CredentialAuthenticatorOptions } from './credential-authenticator.js'
import type { Examination } from './examination.js'
import { keyManagerUrl } from './introspection.js'
import { keysOf } from './issuer-keys.js'
import { Jwks } from './jwks.js'
import { JwtAuthenticator } from './jwt.js'
import { keyManagerCredentials } from './key-manager-credentials.js'
import { OpaqueAuthenticator } from './opaque.js'
import { standingOf } from './open-standing.js'
import type { WatchedTokens } from './watched-tokens.js'

/** The authenticator, and what it must be told about revocations. */
export interface OpenedAuthentication {
  readonly authenticator: Authenticator & TokenNames & TokenOrigin
  /** Whether a realtime source is live: while none is, introspection answers are cached for a shorter time. */
  realtime(isLive: boolean): void
  /** Says step by step what becomes of a credential, for people. */
  examine(credential: string, now: number): Promise<Examination>
  /** The issuers that tokens and revocations may be of. */
  readonly knownIssuers: readonly string[]
  /** To be told of each new id of a revoked token in the list. */
  tokenRevoked(id: Fingerprint): void
}

/** What {@link openAuthentication} is given beside the configuration. */
export interface AuthenticationParts {
  readonly client: HttpClient
  readonly fingerprints: Fingerprinter
  readonly logging: Logging
  /** Told the time in the `Date` of issuers' responses. */
  readonly witness?: Witness
  /** Told which tokens have to be asked about again while they are in use. */
  readonly watched?: WatchedTokens
  /** See {@link CredentialAuthenticatorOptions.droppedBefore}. */
  readonly droppedBefore?: CredentialAuthenticatorOptions['droppedBefore']
  /** Called for each token that verified, of an issuer that announces the end of sessions, and names none. */
  readonly noSession?: (issuer: string) => void
}

/** Builds the authenticator of a configuration. Throws for unusable keys, secrets and claim mappings. */
export async function openAuthentication(config: Config, parts: AuthenticationParts): Promise<OpenedAuthentication> {
  const { client: issuersClient, latest } = observeServers(parts.client, () => performance.now())
  const limits = {
    timestampSkew: config.server.timestampSkew,
    cacheCapacity: config.caching.tokenCacheCapacity,
    cacheExpiryTime: config.caching.enabled ? config.caching.tokenCacheExpiryTime : 0,
    fingerprints: parts.fingerprints,
    droppedBefore: parts.droppedBefore,
    issuersNow: latest,
  }
  const holder: { jwt?: JwtAuthenticator } = {}
  const issuers = await openIssuers(config, { ...parts, client: issuersClient }, () => holder.jwt?.forgetVerified())
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
    url: keyManagerUrl(keyManager.serverUrl, keyManager.tokenContext, 'introspect'),
    client: issuersClient,
    credentials: keyManagerCredentials(keyManager.security, parts.client),
    acceptUntypedTokens: keyManager.acceptUntypedTokens,
    acceptPaddedTokens: keyManager.acceptPaddedTokens,
    recheck: keyManager.opaqueRecheck,
    issuers: jwt.knownIssuers,
    logger: parts.logging('KeyManager'),
  })
  return {
    ...explained,
    authenticator: new CredentialAuthenticator({
      jwt,
      opaque,
      introspectFailedJwt: keyManager.enableIntrospectForFailedJWT,
      introspectedIssuers: new Set(
        issuers.filter(({ standing }) => standing !== undefined).map(({ issuer }) => issuer),
      ),
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

/** The issuers of JWTs, each with its keys and with whom to ask about its tokens. */
function openIssuers(config: Config, parts: AuthenticationParts, onKeysDropped: () => void) {
  const { client, witness, watched, logging } = parts
  const logger = logging('JWTAuthProvider')
  const keysClient = witness === undefined ? client : observeDates(client, witness)
  const jwks = (url: string) => new Jwks({ url, client: keysClient, logger, onKeysDropped })
  return Promise.all(
    config.jwtTokenConfig.map(async (issuer) => ({
      ...issuer,
      keys: await keysOf(issuer, config, jwks),
      standing: standingOf(config, issuer, { client, watched, logger }),
      onNoSession: onNoSession(config, issuer.issuer, parts),
    })),
  )
}

/** What is done with tokens of an issuer that announces the end of sessions: one that names none is not found by it. */
function onNoSession(
  { identityProvider }: Config,
  issuer: string,
  { logging, noSession }: AuthenticationParts,
): (() => void) | undefined {
  if (noSession === undefined || !identityProvider.some((provider) => provider.issuer === issuer)) return undefined
  let isSaid = false
  return () => {
    noSession(issuer)
    if (isSaid) return
    isSaid = true
    const text = 'tokens without sid and session_state are accepted: the end of a session does not revoke them'
    logging('JWTAuthProvider').warn(text, { issuer })
  }
}

/** Every issuer that the configuration names: of tokens, and of revocations. */
function knownIssuers({ jwtTokenConfig, tokenRevocationConfig: { realtime, persistent } }: Config): string[] {
  const named = [...jwtTokenConfig.map(({ issuer }) => issuer), realtime.issuer, persistent.issuer]
  return [...new Set(named.filter((issuer) => issuer !== undefined))]
}
