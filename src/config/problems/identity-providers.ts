import type { Config } from '../schema/schema.js'
import type { Contradiction } from './consistency.js'
import type { ConfigWarning } from './error.js'

/** What `[[identityProvider]]` needs elsewhere, and what would make it useless. */
export function* ofIdentityProviders(config: Config): Generator<Contradiction> {
  const { identityProvider, jwtTokenConfig } = config
  const names = new Set<string>()
  for (const [index, provider] of identityProvider.entries()) {
    const { name, issuer, clientIds, backchannelLogout, keycloakAdmin, realmWide, ssf } = provider
    const path = `identityProvider[${index}]`
    const beside = [`${path}.issuer`, 'jwtTokenConfig']
    if (names.has(name)) yield { path: `${path}.name`, message: 'another has this name', remedy: 'choose another' }
    names.add(name)
    const ofIssuer = jwtTokenConfig.filter((each) => each.issuer === issuer)
    if (!ofIssuer.some(({ sharedSecret }) => sharedSecret.isEmpty)) {
      yield {
        path: `${path}.issuer`,
        message:
          ofIssuer.length === 0
            ? 'no [[jwtTokenConfig]] has this issuer'
            : 'a shared secret proves nothing about the identity provider',
        remedy: 'name an issuer as its [[jwtTokenConfig]] has it, which has jwksURL, certFile or certificateAlias',
        beside,
      }
    }
    if ((backchannelLogout || keycloakAdmin) && clientIds.length === 0) {
      yield {
        path: `${path}.clientIds`,
        message: 'no message would be accepted: none is for a client that is listed',
        remedy: 'list the client ids that the identity provider calls the gateway for',
      }
    }
    if (realmWide && !keycloakAdmin) {
      yield { path: `${path}.realmWide`, message: 'needs keycloakAdmin', remedy: 'set keycloakAdmin to true' }
    }
    if (ssf !== undefined) yield* ofSsf(ssf, issuer, `${path}.ssf`)
    if (ssf?.delivery === 'poll' && !keepsRevocations(config)) {
      yield {
        path: `${path}.ssf.delivery`,
        message:
          'what is polled would be acknowledged, and so deleted at the transmitter, and be lost on restart: the journal is off',
        remedy: 'set tokenRevocationConfig.journal.enable to true, or configure a store that takes revocations',
        beside: [JOURNAL, PERSISTENT],
      }
    }
  }
}

const JOURNAL = 'tokenRevocationConfig.journal.enable'
const PERSISTENT = 'tokenRevocationConfig.persistent.type'

/** Whether anything but memory may keep what was received; an event hub takes nothing. */
function keepsRevocations({ tokenRevocationConfig: { journal, persistent } }: Config): boolean {
  return journal.enable || (persistent.enablePersistentStorageRetrieval && persistent.type !== 'default')
}

/** What a receiver of the Shared Signals Framework needs that only some of them need. */
function* ofSsf(ssf: Ssf, issuer: string, path: string): Generator<Contradiction> {
  const { delivery, transmitter, pushUrl, pushAuthorization } = ssf
  if (transmitter === undefined && !/^https?:\/\//.test(issuer)) {
    yield { path: `${path}.transmitter`, message: 'the issuer is no URL', remedy: 'set the URL of the transmitter' }
  }
  if (delivery === 'push' && pushUrl === undefined) {
    yield { path: `${path}.pushUrl`, message: 'the transmitter is not told where to push', remedy: 'set it' }
  }
  if (delivery === 'push' && pushAuthorization.reveal().length < SHORTEST_AUTHORIZATION) {
    yield {
      path: `${path}.pushAuthorization`,
      message: `must have at least ${SHORTEST_AUTHORIZATION} characters: whoever knows it can end access`,
      remedy: 'set it to "Bearer" and 32 random characters',
    }
  }
}

type Ssf = NonNullable<Config['identityProvider'][number]['ssf']>
const SHORTEST_AUTHORIZATION = 16

/** Identity providers that nothing is received from. */
export function* ofSilentIdentityProviders({ identityProvider }: Config): Generator<ConfigWarning> {
  for (const [index, { backchannelLogout, keycloakAdmin, ssf }] of identityProvider.entries()) {
    if (backchannelLogout || keycloakAdmin || ssf !== undefined) continue
    yield {
      path: `identityProvider[${index}]`,
      message: 'nothing is received from this identity provider',
      remedy: 'set backchannelLogout or keycloakAdmin to true, add [identityProvider.ssf], or remove the table',
    }
  }
}
