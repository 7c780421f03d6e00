import { AccessTokenSource, type VerificationKeys } from '../../auth/index.js'
import type { Config } from '../../config/index.js'
import type { HttpClient } from '../../http-client/index.js'
import { describeTarget, type Logger } from '../../logging/index.js'
import { type Clock, systemClock } from '../../time/index.js'
import type { IdentityProviderSource } from '../identity-provider/index.js'
import type { SsfParts } from './managed-stream.js'
import { PollSource } from './poll-source.js'
import { PushSource, pushPaths } from './push-source.js'
import { POLL, PUSH, streamsAt } from './stream.js'
import { TransmitterClient } from './transmitter-client.js'
import { NO_SUBJECTS } from './transmitter-metadata.js'

type Provider = Config['identityProvider'][number]

/** Milliseconds for the answers of a transmitter that is tried. */
const TRY_TIMEOUT = 15_000

export interface SsfReceiverParts {
  /** The keys of the provider's issuer. */
  readonly keys: readonly VerificationKeys[]
  readonly client: HttpClient
  /** Epoch ms by the transmitter's own clock, as far as known. */
  readonly transmittersNow: () => number
  /** Milliseconds by which clocks may differ. */
  readonly skew: number
  readonly clock: Clock
  readonly logger: Logger
}

/** The gateway's access token for a transmitter, by client credentials. */
function accessTokenOf(
  { tokenUrl: url, clientId, clientSecret, scopes }: NonNullable<Provider['ssf']>,
  client: HttpClient,
  clock: Clock,
): AccessTokenSource {
  return new AccessTokenSource({
    grant: { type: 'client_credentials', url, clientId, clientSecret, scopes },
    authentication: 'AUTH_HEADER_BEARER',
    client,
    now: () => clock.elapsed(),
  })
}

/**
 * Finds the transmitter of a provider, and the streams of the gateway's client there; changes nothing. Resolves to what was
 * found, for people; rejects with `TransmitterError`.
 */
export async function tryTransmitter({ ssf, issuer }: Provider, client: HttpClient): Promise<string> {
  if (ssf === undefined) return 'no stream is wanted'
  const { transmitter = issuer } = ssf
  const calls = new TransmitterClient({ issuer: transmitter, client, token: accessTokenOf(ssf, client, systemClock) })
  const signal = AbortSignal.timeout(TRY_TIMEOUT)
  const { configurationEndpoint, startsEmpty } = await calls.metadata(signal)
  const count = (await streamsAt(calls, configurationEndpoint, undefined, signal)).length
  const found = `${count} ${count === 1 ? 'stream' : 'streams'} of this client at ${describeTarget(transmitter)}`
  return startsEmpty ? `${found}; ${NO_SUBJECTS}` : found
}

/** The receiver that `[identityProvider.ssf]` describes, without connecting; none where there is no such table. */
export function ssfReceiver(provider: Provider, parts: SsfReceiverParts): IdentityProviderSource[] {
  const { ssf, name, issuer } = provider
  if (ssf === undefined) return []
  const { keys, client, transmittersNow, skew, clock, logger } = parts
  const { pushUrl = '', pushAuthorization } = ssf
  const common: Omit<SsfParts, 'delivery'> = {
    name: `${name} ssf`,
    tokenIssuer: issuer,
    settings: { ...ssf, transmitter: ssf.transmitter ?? issuer },
    keys,
    client,
    token: accessTokenOf(ssf, client, clock),
    latest: () => Math.max(clock.now(), transmittersNow()) + skew,
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
