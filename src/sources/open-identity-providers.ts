import type { Config } from '../config/index.js'
import { type HttpClient, observeServers, type Witness } from '../http-client/index.js'
import type { Logging } from '../logging/index.js'
import { type Clock, systemClock } from '../time/index.js'
import type { IdentityProviderSource } from './identity-provider/index.js'

export interface IdentityProviderParts {
  /** Fetches key sets. It is closed by whoever made it. */
  readonly client: HttpClient
  readonly logging: Logging
  /** Told the time in the `Date` of issuers' responses. */
  readonly witness: Witness
  readonly clock?: Clock
}

/** The sources of each `[[identityProvider]]`, without connecting. Throws for certificates and keys that cannot be used. */
export async function openIdentityProviders(
  config: Config,
  { client, logging, witness, clock = systemClock }: IdentityProviderParts,
): Promise<IdentityProviderSource[]> {
  // Most gateways have none.
  const { messageKeys } = await import('../auth/index.js')
  const { noticePaths, Receiver } = await import('./identity-provider/index.js')
  const { ssfReceiver } = await import('./ssf/index.js')
  const logger = logging('IdentityProvider')
  const observed = () => observeServers(client, () => clock.elapsed(), witness)
  const sources = await Promise.all(
    config.identityProvider.map(async (provider) => {
      // What one issuer's or transmitter's server says of the time must move no rule about another's tokens.
      const [issuer, transmitter] = [observed(), observed()]
      const keys = await messageKeys(config, provider.issuer, { client: issuer.client, logger })
      const common = { keys, skew: config.server.timestampSkew, clock, logger }
      const receiver =
        noticePaths(provider).length === 0 ? [] : [new Receiver({ provider, ...common, issuersNow: issuer.latest })]
      return [
        ...receiver,
        ...ssfReceiver(provider, { ...common, client: transmitter.client, transmittersNow: transmitter.latest }),
      ]
    }),
  )
  return sources.flat()
}
