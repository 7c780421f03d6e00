import { z } from 'zod'
import { cors } from './cors.js'
import {
  bool,
  duration,
  httpUrl,
  int,
  key,
  optionalHttpUrl,
  optionalText,
  secret,
  someText,
  table,
  text,
  word,
} from './values.js'

/** Who issues tokens and who says what they are worth: `[keyManager]`, `[[jwtTokenConfig]]`, `[caching]`, `[security]`. */

const client = {
  enabled: key(bool.prefault(false), 'Whether this grant is used.'),
  clientId: key(text.prefault(''), 'The gateway’s client id.'),
  clientSecret: key(secret.prefault(''), 'The gateway’s client secret.', { kind: 'secret' }),
  scopes: key(text.prefault(''), 'The scopes to ask for, separated by spaces.'),
}

const oauth2 = table({
  enabled: key(bool.prefault(false), 'Whether the key manager is called with an access token.'),
  credentialBearer: key(
    word(['AUTH_HEADER_BEARER', 'POST_BODY_BEARER', 'NO_BEARER']).prefault('AUTH_HEADER_BEARER'),
    'Where the client’s credentials go when a token is asked for.',
  ),
  tokenUrl: key(optionalHttpUrl, 'The token endpoint.'),
  clientCredential: table(client).prefault({}),
  password: table({
    ...client,
    username: key(text.prefault(''), 'The resource owner’s name.'),
    password: key(secret.prefault(''), 'The resource owner’s password.', { kind: 'secret' }),
  }).prefault({}),
  directToken: table({
    enabled: key(bool.prefault(false), 'Whether a fixed access token is used.'),
    accessToken: key(secret.prefault(''), 'That access token.', { kind: 'secret' }),
  }).prefault({}),
  refresh: table({
    ...client,
    refreshUrl: key(optionalHttpUrl, 'The endpoint that refreshes the token.'),
    refreshToken: key(secret.prefault(''), 'The refresh token.', { kind: 'secret' }),
  }).prefault({}),
}).prefault({})

/** Absent: the gateway has no key manager, and /token, /revoke, /authorize and /userinfo are 404. */
export const keyManager = table({
  serverUrl: key(httpUrl.prefault('https://localhost:9443'), 'The key manager’s URL.'),
  tokenContext: key(
    someText.regex(/^[A-Za-z0-9._~/-]+$/, 'must be a URL path').prefault('oauth2'),
    'The path of its OAuth 2 endpoints, below serverUrl.',
  ),
  enableIntrospectForFailedJWT: key(
    bool.prefault(false),
    'Whether a JWT that does not verify is introspected, like an opaque token.',
  ),
  acceptUntypedTokens: key(
    bool.prefault(false),
    'Whether an active token is accepted of which introspection does not say what it is. Off where refresh tokens are active, too.',
  ),
  acceptPaddedTokens: key(
    bool.prefault(false),
    'Whether an opaque token is accepted that ends in `=`. Off: a key manager may take it for the token without.',
  ),
  opaqueRecheck: key(
    duration(0, 60_000).prefault(1_000),
    'How long after a revocation an introspection from before it is used, at most, unless a known JWT was revoked.',
  ),
  enableLegacyMode: key(
    bool.prefault(false),
    'Whether tokens are validated by the key validation service of old API Managers. true is refused: not supported.',
  ),
  security: table({
    basic: table({
      enabled: key(bool.prefault(true), 'Whether the key manager is called with Basic authentication.'),
      username: key(text.prefault(''), 'User name; empty: no authentication.'),
      password: key(secret.prefault(''), 'Password.', { kind: 'secret' }),
    }).prefault({}),
    oauth2,
  }).prefault({}),
  cors: cors.optional(),
}).optional()

const claim = table({
  remoteClaim: key(someText, 'The claim’s name in the issuer’s tokens.'),
  localClaim: key(someText, 'Its name for the gateway.'),
})

const AUDIENCE = { error: 'must be a string, or a list of at most 64 strings' }
const audience = z
  .union([text, z.array(someText, AUDIENCE).max(64, AUDIENCE)], AUDIENCE)
  .transform((value) => (typeof value !== 'string' ? value : value === '' ? [] : [value]))

/** One `[[jwtTokenConfig]]`. */
const issuer = table({
  issuer: key(someText, 'The `iss` that its tokens have. Required.'),
  audience: key(audience.prefault([]), 'Values one of which `aud` must hold; empty: not checked.'),
  jwksURL: key(optionalHttpUrl, 'The URL of the issuer’s key set (JWKS).'),
  certFile: key(optionalText, 'PEM file: the issuer’s certificate or public key, instead of jwksURL.', {
    kind: 'file',
  }),
  certificateAlias: key(
    optionalText,
    'The alias of the issuer’s certificate in listenerConfig.trustStorePath, where there is no jwksURL.',
  ),
  sharedSecret: key(secret.prefault(''), 'The secret of an issuer that signs with HS256, HS384 or HS512.', {
    kind: 'secret',
  }),
  introspect: key(
    duration(0, 86_400_000).prefault(0),
    'How old the issuer’s word on a JWT may be: it is also introspected, and a request waits for an answer that is not older. At least 1 s; 0: the signature is enough.',
  ),
  introspectionUrl: key(
    optionalHttpUrl,
    'The issuer’s introspection endpoint (RFC 7662), for `introspect`. Absent: the key manager’s, with its credentials.',
  ),
  introspectionClientId: key(text.prefault(''), 'The gateway’s client id there. Empty: no authentication.'),
  introspectionClientSecret: key(secret.prefault(''), 'The gateway’s client secret there.', { kind: 'secret' }),
  requireAccessTokenType: key(bool.prefault(false), 'Whether tokens must have the type `at+jwt` (RFC 9068).'),
  validateSubscription: key(
    bool.prefault(false),
    'Whether the token’s application must have subscribed to the API. true is refused: not supported.',
  ),
  consumerKeyClaim: key(someText.prefault('aud'), 'The claim that names the client.'),
  claims: key(
    z
      .array(claim, { error: 'must be tables: [[jwtTokenConfig.claims]]' })
      .max(256, 'must be at most 256 tables')
      .prefault([]),
    'Claims that the issuer names differently from the gateway.',
  ),
})

export const jwtTokenConfig = key(
  z.array(issuer, { error: 'must be tables: [[jwtTokenConfig]]' }).max(256, 'must be at most 256 tables').prefault([]),
  'The issuers whose JWTs are accepted.',
)

export const caching = table({
  enabled: key(bool.prefault(true), 'Whether verified tokens are remembered.'),
  tokenCacheExpiryTime: key(duration().prefault(900_000), 'How long a verified token is remembered, at most.'),
  tokenCacheCapacity: key(int(1, 10_000_000).prefault(10_000), 'How many are remembered, at most.', { unit: 'tokens' }),
  tokenCacheEvictionFactor: key(
    z
      .number({ error: 'must be a number above 0, at most 1' })
      .gt(0, 'must be a number above 0, at most 1')
      .lte(1, 'must be a number above 0, at most 1')
      .prefault(0.25),
    'The share of a full cache that is evicted. Read for compatibility: the cache drops one token at a time.',
  ),
}).prefault({})

export const security = table({
  validateSubscriptions: key(
    bool.prefault(false),
    'Whether subscriptions are checked for opaque tokens. true is refused: not supported.',
  ),
}).prefault({})
