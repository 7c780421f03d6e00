import { z } from 'zod'
import { ssfReceiver } from './ssf.js'
import { bool, key, someText, table } from './values.js'

/** `[[identityProvider]]`: who tells the gateway that somebody has logged out. */

const NAME = 'must be 1 to 32 of the letters a to z, digits and hyphens'
const CLIENTS = { error: 'must be a list of at most 1000 client ids' }

const identityProvider = table({
  name: key(
    z.string({ error: NAME }).regex(/^[a-z0-9-]{1,32}$/, NAME),
    'Its name, in the paths that it calls, in /ready and in /metrics. Required.',
  ),
  issuer: key(
    someText,
    'The `iss` of its tokens, as a [[jwtTokenConfig]] has it. Its keys verify what the identity provider says, which is about its tokens alone. Required.',
  ),
  clientIds: key(
    z.array(someText, CLIENTS).max(1_000, CLIENTS).prefault([]),
    'The clients whose messages are accepted: one must be in a logout token’s `aud`, or be the `resource` of Keycloak’s.',
  ),
  backchannelLogout: key(
    bool.prefault(false),
    'Whether OpenID Connect Back-Channel Logout is received: POST /backchannel_logout/{name}.',
  ),
  keycloakAdmin: key(
    bool.prefault(false),
    'Whether what Keycloak sends to a client’s admin URL is received: POST /keycloak/{name}/k_logout and /k_push_not_before.',
  ),
  realmWide: key(
    bool.prefault(false),
    'Whether Keycloak’s log-out of all sessions and not-before revoke the tokens of every client of the realm, not only those of the client that it names.',
  ),
  ssf: ssfReceiver.optional(),
})

export const identityProviders = key(
  z
    .array(identityProvider, { error: 'must be tables: [[identityProvider]]' })
    .max(64, 'must be at most 64 tables')
    .prefault([]),
  'The identity providers that tell the gateway who has logged out.',
)
