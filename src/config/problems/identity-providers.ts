import type { Config } from '../schema/schema.js'
import type { Contradiction } from './consistency.js'
import type { ConfigWarning } from './error.js'

/** What `[[identityProvider]]` needs elsewhere, and what would make it useless. */
export function* ofIdentityProviders({ identityProvider, jwtTokenConfig }: Config): Generator<Contradiction> {
  const names = new Set<string>()
  for (const [index, provider] of identityProvider.entries()) {
    const { name, issuer, clientIds, backchannelLogout, keycloakAdmin, realmWide } = provider
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
  }
}

/** Identity providers that nothing is received from. */
export function* ofSilentIdentityProviders({ identityProvider }: Config): Generator<ConfigWarning> {
  for (const [index, { backchannelLogout, keycloakAdmin }] of identityProvider.entries()) {
    if (backchannelLogout || keycloakAdmin) continue
    yield {
      path: `identityProvider[${index}]`,
      message: 'nothing is received from this identity provider',
      remedy: 'set backchannelLogout or keycloakAdmin to true, or remove the table',
    }
  }
}
