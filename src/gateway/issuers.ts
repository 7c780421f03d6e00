import type { Config } from '../config/index.js'

/** The issuer of all JWTs that are accepted; `undefined` where several issuers are trusted, or none. */
export function onlyIssuer({ jwtTokenConfig }: Config): string | undefined {
  const [first, ...others] = new Set(jwtTokenConfig.map(({ issuer }) => issuer))
  return others.length === 0 ? first : undefined
}

/**
 * Whether a `jti` is to be named with its issuer: tokens of several issuers are accepted, or a source speaks for one, so that
 * what names none is written to it as being about any.
 */
export function namesIssuers({ jwtTokenConfig, tokenRevocationConfig: { realtime, persistent } }: Config): boolean {
  const isScoped = realtime.issuer !== undefined || persistent.issuer !== undefined
  return isScoped || new Set(jwtTokenConfig.map(({ issuer }) => issuer)).size > 1
}

/**
 * The servers (origins) whose `Date` is an issuer's clock: where its keys come from. `undefined`: nobody tells the time of an
 * issuer with keys from a file, nor, for the list, that of a key manager that is asked about opaque tokens.
 */
export function issuersServers({ jwtTokenConfig, keyManager }: Config): (string | undefined)[] {
  const keys = jwtTokenConfig.map(({ jwksURL }) => (jwksURL === undefined ? undefined : new URL(jwksURL).origin))
  return keyManager === undefined ? keys : [...keys, new URL(keyManager.serverUrl).origin]
}
