import type { Dispatcher } from 'undici'
import type { Config } from '../config/index.js'
import { basicCredentials } from '../http-client/index.js'
import type { Logger } from '../logging/index.js'
import { Introspection, keyManagerUrl } from './introspection.js'
import { type KeyManagerCredentials, keyManagerCredentials } from './key-manager-credentials.js'
import { Standing } from './standing.js'
import type { WatchedTokens } from './watched-tokens.js'

/** Milliseconds for one call. */
const TIMEOUT = 5_000

interface Parts {
  readonly client: Dispatcher
  readonly watched: WatchedTokens | undefined
  readonly logger: Logger
}

/** What asks an issuer about its JWTs, as `introspect` has it; `undefined` where that is off. Throws for credentials that are incomplete. */
export function standingOf(
  config: Config,
  issuer: Config['jwtTokenConfig'][number],
  { client, watched, logger }: Parts,
): Standing | undefined {
  if (issuer.introspect === 0) return undefined
  const introspection = new Introspection({ ...endpointOf(config, issuer, client), client, timeout: TIMEOUT })
  const { tokenCacheCapacity } = config.caching
  return new Standing({ introspection, interval: issuer.introspect, capacity: tokenCacheCapacity, watched, logger })
}

/** The issuer's own endpoint, or else the key manager's. */
function endpointOf(
  { keyManager }: Config,
  { issuer, introspectionUrl, introspectionClientId, introspectionClientSecret }: Config['jwtTokenConfig'][number],
  client: Dispatcher,
): { readonly url: string; readonly credentials: KeyManagerCredentials } {
  if (introspectionUrl !== undefined) {
    const isAnonymous = introspectionClientId === ''
    const own = isAnonymous ? undefined : basicCredentials(introspectionClientId, introspectionClientSecret.reveal())
    return { url: introspectionUrl, credentials: { authorization: async () => own, rejected: () => false } }
  }
  if (keyManager === undefined) throw new TypeError(`${issuer}: introspect needs introspectionUrl, or a [keyManager]`)
  const { serverUrl, tokenContext, security } = keyManager
  const url = keyManagerUrl(serverUrl, tokenContext, 'introspect')
  return { url, credentials: keyManagerCredentials(security, client) }
}
