import { AccessTokenSource, type VerificationKeys } from '../../auth/index.js'
import type { Config } from '../../config/index.js'
import type { HttpClient } from '../../http-client/index.js'
import type { Logger } from '../../logging/index.js'
import type { Clock } from '../../time/index.js'
import type { IdentityProviderSource } from '../identity-provider/index.js'
import type { SsfParts } from './managed-stream.js'
import { PollSource } from './poll-source.js'
import { PushSource, pushPaths } from './push-source.js'
import { POLL, PUSH } from './stream.js'

type Provider = Config['identityProvider'][number]

export interface SsfReceiverParts {
  /** The keys of the provider's issuer. */
  readonly keys: readonly VerificationKeys[]
  readonly client: HttpClient
  /** Epoch ms by the issuers' own clocks, as far as known. */
  readonly issuersNow: () => number
  /** Milliseconds by which clocks may differ. */
  readonly skew: number
  readonly clock: Clock
  readonly logger: Logger
}

/** The receiver that `[identityProvider.ssf]` describes, without connecting; none where there is no such table. */
export function ssfReceiver(provider: Provider, parts: SsfReceiverParts): IdentityProviderSource[] {
  const { ssf, name, issuer } = provider
  if (ssf === undefined) return []
  const { keys, client, issuersNow, skew, clock, logger } = parts
  const { tokenUrl, clientId, clientSecret, scopes, pushUrl = '', pushAuthorization } = ssf
  const common: Omit<SsfParts, 'delivery'> = {
    name: `${name} ssf`,
    tokenIssuer: issuer,
    settings: { ...ssf, transmitter: ssf.transmitter ?? issuer },
    keys,
    client,
    token: new AccessTokenSource({
      grant: { type: 'client_credentials', url: tokenUrl, clientId, clientSecret, scopes },
      authentication: 'AUTH_HEADER_BEARER',
      client,
      now: () => clock.elapsed(),
    }),
    latest: () => Math.max(clock.now(), issuersNow()) + skew,
    clock,
    logger,
  }
  const [path] = pushPaths(provider)
  if (path === undefined) return [new PollSource({ ...common, delivery: { method: POLL } })]
  const endpointUrl = `${pushUrl.replace(/\/$/, '')}${path}`
  const authorization = pushAuthorization.reveal()
  return [
    new PushSource({ ...common, delivery: { method: PUSH, endpointUrl, authorization } }, path, pushAuthorization),
  ]
}
