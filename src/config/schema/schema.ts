import type { z } from 'zod'
import type { Secret } from '../secret.js'
import { admin, apiDefinitions, apis, logging } from './clients.js'
import { httpClients } from './http-clients.js'
import { identityProviders } from './identity-providers.js'
import { caching, jwtTokenConfig, keyManager, security } from './issuers.js'
import { authConfig, http2, jwtConfig, listenerConfig, mutualSSLConfig, server } from './listener.js'
import { apim, tokenRevocationConfig } from './revocation.js'
import { accessLog, auditLog, openTelemetry, tracing } from './telemetry.js'
import { table } from './values.js'

/** Every section and key that the gateway knows by itself, with types, defaults and descriptions. */
export const configSchema = table({
  apiDefinitions,
  apis,
  listenerConfig,
  http2,
  mutualSSLConfig,
  authConfig,
  jwtConfig,
  keyManager,
  jwtTokenConfig,
  identityProvider: identityProviders,
  security,
  caching,
  httpClients,
  tokenRevocationConfig,
  apim,
  server,
  admin,
  logging,
  accessLog,
  auditLog,
  tracing,
  openTelemetry,
})

type DeepReadonly<T> = T extends Secret
  ? T
  : T extends readonly (infer Item)[]
    ? readonly DeepReadonly<Item>[]
    : T extends object
      ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
      : T

type Parsed = DeepReadonly<z.output<typeof configSchema>>
type Persistent = Parsed['tokenRevocationConfig']['persistent']

/**
 * The gateway's configuration, checked, complete and frozen. Keys have the file's names; durations are milliseconds,
 * sizes bytes, paths absolute, secrets {@link Secret}s.
 */
export interface Config extends Omit<Parsed, 'tokenRevocationConfig'> {
  readonly tokenRevocationConfig: Omit<Parsed['tokenRevocationConfig'], 'persistent'> & {
    /**
     * `refreshInterval` is always set; `endpointURL` is, except for a store of the user's own, whose `options` are as
     * written: they may hold secrets, so never print them.
     */
    readonly persistent: Persistent & { readonly refreshInterval: number }
  }
}
