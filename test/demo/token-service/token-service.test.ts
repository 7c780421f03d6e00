import { once } from 'node:events'
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, type JSONWebKeySet, jwtVerify, UnsecuredJWT } from 'jose'
import type { EventContext } from 'rhea'
import { test } from 'tap'
import { DEMO_ISSUER, type RevocationEvent } from '../../../src/demo/token-service/index.js'
import { broker, subscribe, TOPIC } from '../broker/rhea-client.js'
import { ADMIN, type CallOptions, CLIENT, isActive, issue, listed, revoke, service } from './service-client.js'

const GRANT = { grant_type: 'client_credentials' }

test('a token verifies with the published key and carries the claims of a client', async (t) => {
  const { call } = await service(t, t.testdir())
  const answer = await call('POST', '/oauth2/token', { authorization: CLIENT, form: { ...GRANT, scope: 'read write' } })
  t.match(answer, {
    status: 200,
    headers: { 'cache-control': 'no-store', 'content-type': 'application/json' },
    json: { token_type: 'Bearer', expires_in: 3600, scope: 'read write' },
  })
  const jwks = (await call('GET', '/oauth2/jwks')).json as unknown as JSONWebKeySet
  t.notOk(jwks.keys.some((key) => 'd' in key || 'p' in key))
  const { payload, protectedHeader } = await jwtVerify(String(answer.json.access_token), createLocalJWKSet(jwks))
  t.equal(protectedHeader.alg, 'RS256')
  t.match(payload, { iss: DEMO_ISSUER, sub: 'demo', aud: 'demo', azp: 'demo', scope: 'read write', jti: /^[\w-]{36}$/ })
  t.equal((payload.exp ?? 0) - (payload.iat ?? 0), 3600)
})

test('a revoked token is inactive, listed for gateways, and told to subscribers of the topic', async (t) => {
  const { port, publish } = await broker(t)
  const { call } = await service(t, t.testdir(), { publish: (event) => publish(TOPIC, event) })
  const receiver = await subscribe(t, port)
  const [token, control] = [await issue(call), await issue(call)]
  t.equal(await isActive(call, token), true)

  const message = once(receiver, 'message')
  const answer = await revoke(call, token)
  t.match(answer, { status: 200, text: '', headers: { revokedaccesstoken: token } })
  const { jti, exp } = decodeJwt(token)
  const [context] = (await message) as [EventContext]
  t.match(context.message?.body, {
    eventId: /^[\w-]{36}$/,
    revokedToken: jti,
    ttl: '3600',
    expiryTime: (exp ?? 0) * 1000,
    type: 'Default',
    tenantId: -1234,
  })
  t.equal(await isActive(call, token), false)
  t.equal(await isActive(call, control), true)
  const list = await call('GET', '/internal/data/v1/revokedjwt', { authorization: ADMIN })
  t.same(list.json, {
    revokedJWTList: [{ jwt_signature: jti, expiry_time: (exp ?? 0) * 1000 }],
    revokedJWTSubjectEntityList: [],
    revokedJWTConsumerKeyList: [],
  })
  t.equal((await revoke(call, token)).status, 200, 'again')
  t.same(await listed(call), [jti])
})

test('introspection of an active token says whose it is', async (t) => {
  const { call } = await service(t, t.testdir())
  const token = await issue(call)
  const { json } = await call('POST', '/oauth2/introspect', { authorization: CLIENT, form: { token } })
  t.match(json, { active: true, client_id: 'demo', token_type: 'Bearer', ...decodeJwt(token) } as object)
})

test('a restart keeps the key and the list, on another port too', async (t) => {
  const directory = t.testdir()
  const first = await service(t, directory)
  const [revoked, control] = [await issue(first.call), await issue(first.call)]
  await revoke(first.call, revoked)
  const kid = decodeProtectedHeader(revoked).kid
  await first.service.close()
  const { call } = await service(t, directory)
  t.equal(await isActive(call, control), true)
  t.equal(await isActive(call, revoked), false)
  t.same(await listed(call), [decodeJwt(revoked).jti])
  t.equal(decodeProtectedHeader(await issue(call)).kid, kid)
})

test('a token that this service did not issue is answered 200 and revokes nothing', async (t) => {
  const events: RevocationEvent[] = []
  const { call } = await service(t, t.testdir(), { publish: (event) => void events.push(event) })
  const victim = await issue(call)
  const stranger = await service(t, `${t.testdirName}/other`)
  const [head, payload, signature = ''] = victim.split('.')
  for (const token of [
    'random',
    'x'.repeat(60_000),
    await issue(stranger.call),
    new UnsecuredJWT(decodeJwt(victim)).encode(),
    `${head}.${payload}.${signature.slice(4)}`,
    `${head}.${payload}.${signature.slice(0, 10)}\r\nx: y${signature.slice(10)}`,
    `${victim}\n`,
  ]) {
    const answer = await revoke(call, token)
    t.match(answer, { status: 200, headers: { revokedaccesstoken: undefined } })
  }
  t.same(events, [])
  t.equal(await isActive(call, victim), true)
})

test('an expired token is inactive, and its revocation leaves the list in the end', async (t) => {
  let now = Date.now()
  const { call } = await service(t, t.testdir(), { clock: () => now })
  const token = await issue(call)
  await revoke(call, token)
  now += 3_601_000
  t.equal((await listed(call)).length, 1, 'clocks may differ')
  now += 300_000
  t.same(await listed(call), [])
  t.equal(await isActive(call, token), false)
})

test('the client proves itself by Basic or in the body, and not both ways', async (t) => {
  const { call } = await service(t, t.testdir())
  const inBody = { client_id: 'demo', client_secret: 'demo' }
  const cases: [CallOptions, number, string | undefined][] = [
    [{ authorization: CLIENT, form: GRANT }, 200, undefined],
    [{ form: { ...GRANT, ...inBody } }, 200, undefined],
    [{ authorization: CLIENT, form: { ...GRANT, ...inBody } }, 400, 'invalid_request'],
    [{ form: GRANT }, 401, 'invalid_client'],
    [{ form: { ...GRANT, client_id: 'demo' } }, 401, 'invalid_client'],
    [{ authorization: `Basic ${btoa('demo:wrong')}`, form: GRANT }, 401, 'invalid_client'],
    [{ authorization: `Basic ${btoa('other:demo')}`, form: GRANT }, 401, 'invalid_client'],
    [{ authorization: ADMIN, form: GRANT }, 401, 'invalid_client'],
    [{ authorization: 'Basic %%%', form: GRANT }, 401, 'invalid_client'],
    [{ authorization: CLIENT, form: {} }, 400, 'invalid_request'],
    [{ authorization: CLIENT, form: { grant_type: 'password' } }, 400, 'unsupported_grant_type'],
    [{ authorization: CLIENT, form: { ...GRANT, scope: 'a"b' } }, 400, 'invalid_scope'],
    [{ authorization: CLIENT, form: 'grant_type=client_credentials&grant_type=password' }, 400, 'invalid_request'],
    [{ authorization: CLIENT, headers: { 'content-type': 'application/json' } }, 400, 'invalid_request'],
  ]
  for (const [options, status, error] of cases) {
    const answer = await call('POST', '/oauth2/token', options)
    t.equal(answer.status, status)
    t.equal(answer.json.error, error)
    t.equal(answer.headers['www-authenticate'] !== undefined, status === 401)
  }
})

test('revocation, introspection and the list are refused to strangers', async (t) => {
  const { call } = await service(t, t.testdir())
  const form = { token: await issue(call) }
  t.equal((await call('POST', '/oauth2/revoke', { form })).status, 401)
  t.equal((await call('POST', '/oauth2/revoke', { form, authorization: ADMIN })).status, 401)
  t.equal((await call('POST', '/oauth2/introspect', { form })).status, 401)
  t.equal((await call('POST', '/oauth2/revoke', { form: {}, authorization: CLIENT })).status, 400)
  t.equal((await call('GET', '/internal/data/v1/revokedjwt')).status, 401)
  t.equal((await call('GET', '/internal/data/v1/revokedjwt', { authorization: CLIENT })).status, 401)
  t.equal(await isActive(call, form.token), true)
})

test('other paths are 404, other methods 405, and a form that is too large 413', async (t) => {
  const { call } = await service(t, t.testdir())
  t.equal((await call('GET', '/')).status, 404)
  t.match(await call('GET', '/oauth2/token'), { status: 405, headers: { allow: 'POST' } })
  const form = { token: 'x'.repeat(100_000) }
  t.equal((await call('POST', '/oauth2/revoke', { authorization: CLIENT, form })).status, 413)
})

test('100 tokens revoked at once are all on the list', async (t) => {
  const { call } = await service(t, t.testdir())
  const tokens = await Promise.all(Array.from({ length: 100 }, () => issue(call)))
  await Promise.all(tokens.map((token) => revoke(call, token)))
  t.same(new Set(await listed(call)), new Set(tokens.map((token) => decodeJwt(token).jti)))
})

test('a port in use is an error with its code', async (t) => {
  const running = await service(t, t.testdir())
  const other = service(t, `${t.testdirName}/other`, { port: running.service.port })
  await t.rejects(other, { code: 'ERR_DEMO_PORT_IN_USE' })
})
