import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { type Reply, ReplyError, readBody } from '../http.js'
import { basicCredentials, type Claimed, type Credentials, proves } from './credentials.js'
import type { RevocationLog } from './revocation-log.js'
import type { SigningKey } from './signing-key.js'
import { type AccessTokenClaims, TOKEN_LIFETIME, type Tokens } from './tokens.js'

/** What the endpoints work with. */
export interface Endpoints {
  readonly client: Credentials
  readonly admin: Credentials
  readonly key: SigningKey
  readonly tokens: Tokens
  readonly revocations: RevocationLog
  /** Tells the topic's subscribers. Must not throw. */
  readonly publish: (event: RevocationEvent) => void
}

/** A revocation as WSO2 API Manager 3.2 puts it into a JMS MapMessage. */
export type RevocationEvent = Readonly<{
  eventId: string
  revokedToken: string
  ttl: string
  expiryTime: number
  type: string
  tenantId: number
}>

/** Bytes of a posted form: a token of the usual size several times over. */
const MAX_FORM_BYTES = 65_536
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/ // RFC 6749, section 3.3
const MAX_SCOPE_LENGTH = 1024
const NO_STORE = { 'cache-control': 'no-store', pragma: 'no-cache' }
/** WSO2's notifier sends this constant, whatever the token's remaining life. */
const WSO2_TTL = '3600'
const WSO2_SUPER_TENANT = -1234

/** By method and path. A path that is here with another method only is answered 405. */
export const ENDPOINTS: Readonly<Record<string, (service: Endpoints, request: IncomingMessage) => Promise<Reply>>> = {
  'GET /oauth2/jwks': async ({ key }) => ({ status: 200, body: { keys: [key.publicJwk] } }),
  'POST /oauth2/token': token,
  'POST /oauth2/revoke': revoke,
  'POST /oauth2/introspect': introspect,
  'GET /internal/data/v1/revokedjwt': revokedJwt,
}

/** RFC 6749, section 4.4: client credentials. */
async function token(service: Endpoints, request: IncomingMessage): Promise<Reply> {
  const form = await readForm(request)
  requireClient(service.client, claimedClient(request, form))
  if (form.get('grant_type') !== 'client_credentials') throw oauthError(400, grantError(form))
  const scope = form.get('scope') ?? 'default'
  if (scope.length > MAX_SCOPE_LENGTH || !SCOPE.test(scope)) throw oauthError(400, 'invalid_scope')
  const accessToken = await service.tokens.issue(service.client.name, scope)
  const body = { access_token: accessToken, token_type: 'Bearer', expires_in: TOKEN_LIFETIME, scope }
  return { status: 200, headers: NO_STORE, body }
}

/** RFC 7009. A token that this service did not issue is answered 200 as well, and has no effect. */
async function revoke(service: Endpoints, request: IncomingMessage): Promise<Reply> {
  const form = await readForm(request)
  requireClient(service.client, claimedClient(request, form))
  const accessToken = requiredToken(form)
  const claims = await service.tokens.read(accessToken)
  if (claims === undefined) return { status: 200, headers: NO_STORE }
  const expiryTime = claims.exp * 1000
  await service.revocations.add({ jti: claims.jti, expiryTime })
  service.publish({
    eventId: randomUUID(),
    revokedToken: claims.jti,
    ttl: WSO2_TTL,
    expiryTime,
    type: 'Default',
    tenantId: WSO2_SUPER_TENANT,
  })
  return { status: 200, headers: { ...NO_STORE, RevokedAccessToken: accessToken } }
}

/** RFC 7662, for the client and for resource servers, which call with the admin's credentials. */
async function introspect(service: Endpoints, request: IncomingMessage): Promise<Reply> {
  const form = await readForm(request)
  const claimed = claimedClient(request, form)
  if (!proves(claimed, service.admin)) requireClient(service.client, claimed)
  const claims = await service.tokens.read(requiredToken(form))
  const active = claims !== undefined && !service.revocations.has(claims.jti)
  return { status: 200, headers: NO_STORE, body: active ? introspected(claims) : { active: false } }
}

function introspected(claims: AccessTokenClaims): unknown {
  return { active: true, token_type: 'Bearer', client_id: claims.azp, ...claims }
}

/** What WSO2's event hub answers gateways, in its newer shape. `jwt_signature` has long held the `jti`. */
async function revokedJwt(service: Endpoints, request: IncomingMessage): Promise<Reply> {
  if (!proves(basicCredentials(request), service.admin)) {
    return { status: 401, headers: { 'www-authenticate': 'Basic realm="event hub"' }, body: { code: 401 } }
  }
  const revoked = service.revocations.list()
  return {
    status: 200,
    headers: NO_STORE,
    body: {
      revokedJWTList: revoked.map(({ jti, expiryTime }) => ({ jwt_signature: jti, expiry_time: expiryTime })),
      revokedJWTSubjectEntityList: [],
      revokedJWTConsumerKeyList: [],
    },
  }
}

async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  const type = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase()
  if (type !== 'application/x-www-form-urlencoded') throw oauthError(400, 'invalid_request')
  const form = new URLSearchParams((await readBody(request, MAX_FORM_BYTES)).toString('utf8'))
  const names = [...form.keys()]
  // RFC 6749, section 3.2: none may be given twice. Which one counts would be a guess.
  if (new Set(names).size !== names.length) throw oauthError(400, 'invalid_request')
  return form
}

/** RFC 6749, section 2.3.1: credentials by Basic, form-encoded, or in the body, and never both ways. */
function claimedClient(request: IncomingMessage, form: URLSearchParams): Claimed | undefined {
  const secret = form.get('client_secret')
  if (request.headers.authorization === undefined) {
    return secret === null ? undefined : { name: form.get('client_id') ?? '', password: secret }
  }
  if (secret !== null) throw oauthError(400, 'invalid_request')
  const claimed = basicCredentials(request)
  return claimed && { name: formDecoded(claimed.name), password: formDecoded(claimed.password) }
}

function formDecoded(text: string): string {
  return new URLSearchParams(`v=${text.replaceAll('&', '%26')}`).get('v') ?? ''
}

function requireClient(client: Credentials, claimed: Claimed | undefined): void {
  if (!proves(claimed, client)) throw oauthError(401, 'invalid_client')
}

function requiredToken(form: URLSearchParams): string {
  const given = form.get('token')
  if (given === null || given === '') throw oauthError(400, 'invalid_request')
  return given
}

function grantError(form: URLSearchParams): string {
  return form.has('grant_type') ? 'unsupported_grant_type' : 'invalid_request'
}

function oauthError(status: 400 | 401, error: string): ReplyError {
  const challenge = status === 401 ? { 'www-authenticate': 'Basic realm="token service"' } : {}
  return new ReplyError({ status, headers: { ...NO_STORE, ...challenge }, body: { error } })
}
