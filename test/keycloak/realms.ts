import { type Keycloak, SECRET } from './keycloak-server.js'

/** The realm whose users are logged out, and another that notices nothing. */
export const [REALM, OTHER] = ['shop', 'other']

/** Puts the client `gateway` among the audiences of a client's tokens: since 26, no other client may introspect them. */
const FOR_GATEWAY = {
  name: 'gateway',
  protocol: 'openid-connect',
  protocolMapper: 'oidc-audience-mapper',
  config: { 'included.client.audience': 'gateway', 'access.token.claim': 'true', 'introspection.token.claim': 'true' },
}

/**
 * Makes two realms with the users alice and bob. `app` has the gateway's URLs, `app2` none; `gateway` may introspect.
 *
 * @param gateway the origin of a listener, with TLS
 */
export async function makeRealms(keycloak: Keycloak, gateway: string): Promise<void> {
  for (const realm of [REALM, OTHER]) {
    await keycloak.admin('POST', '', { realm, enabled: true, accessTokenLifespan: 3_600, ssoSessionIdleTimeout: 7_200 })
    for (const username of ['alice', 'bob']) {
      await keycloak.admin('POST', `/${realm}/users`, {
        username,
        enabled: true,
        email: `${username}@example.com`,
        emailVerified: true,
        firstName: username,
        lastName: username,
        credentials: [{ type: 'password', value: SECRET, temporary: false }],
      })
    }
    const told = {
      adminUrl: `${gateway}/keycloak/idp`,
      attributes: {
        'backchannel.logout.url': `${gateway}/backchannel_logout/idp`,
        'backchannel.logout.session.required': 'true',
      },
    }
    for (const [clientId, more] of [
      ['app', told],
      ['app2', {}],
      ['gateway', {}],
    ] as const) {
      await keycloak.admin('POST', `/${realm}/clients`, {
        clientId,
        secret: SECRET,
        enabled: true,
        directAccessGrantsEnabled: true,
        protocolMappers: clientId === 'gateway' ? [] : [FOR_GATEWAY],
        ...(realm === REALM ? more : {}),
      })
    }
  }
}

/** The id that a user has in the admin API. */
export async function userId(keycloak: Keycloak, realm: string, username: string): Promise<string> {
  const [user] = (await keycloak.admin('GET', `/${realm}/users?username=${username}&exact=true`)) as { id: string }[]
  if (user === undefined) throw new Error(`no user ${username}`)
  return user.id
}
