import type { Config } from '../config/index.js'

/** The issuer of all JWTs that are accepted; `undefined` where several issuers are trusted, or none. */
export function onlyIssuer({ jwtTokenConfig }: Config): string | undefined {
  const [first, ...others] = new Set(jwtTokenConfig.map(({ issuer }) => issuer))
  return others.length === 0 ? first : undefined
}
