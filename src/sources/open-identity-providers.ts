import { messageKeys } from '../auth/index.js'
import type { Config } from '../config/index.js'
import { type HttpClient, observeDates, type Witness } from '../http-client/index.js'
import type { Logging } from '../logging/index.js'
import { type Clock, systemClock } from '../time/index.js'
import { type IdentityProviderSource, noticePaths, Receiver } from './identity-provider/index.js'
import { ssfReceiver } from './ssf/index.js'

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
  const ahead = new Map<string, number>() // of the monotonic clock, by server
  const keysClient = observeDates(client, (server, date) => {
    ahead.set(server, date - clock.elapsed())
    witness(server, date)
  })
  const logger = logging('IdentityProvider')
  const sources = await Promise.all(
    config.identityProvider.map(async (provider) => {
      const keys = await messageKeys(config, provider.issuer, { client: keysClient, logger })
      const issuersNow = () => Math.max(...ahead.values()) + clock.elapsed()
      const common = { keys, skew: config.server.timestampSkew, issuersNow, clock, logger }
      const receiver = noticePaths(provider).length === 0 ? [] : [new Receiver({ provider, ...common })]
      return [...receiver, ...ssfReceiver(provider, { ...common, client: keysClient })]
    }),
  )
  return sources.flat()
}
