import { once } from 'node:events'
import { get } from 'node:http'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import type { Api } from '../../../src/apis/api.js'
import { demandingApi } from '../../apis/demanding.js'
import { accessToken } from '../../support/gateway-in-process.js'
import { type Protocol, pipeline } from './pipeline.js'

/** The API with its upstream, and with a header of its own for tokens. */
function at(origin: string, api: Api, authHeader?: string): Api {
  const urls = [{ origin, pathname: '' }] as const
  const production = { type: 'http', urls, credentials: undefined, timeout: undefined } as const
  return { ...api, authHeader, resources: api.resources.map((resource) => ({ ...resource, production })) }
}

const jtiOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()).jti
const revocationOf = (id: string) => ({ kind: 'token', id, expiresAt: undefined }) as const

const over = (t: Test, protocol: Protocol, apisOf: (origin: string) => readonly Api[]) =>
  pipeline(t, apisOf, undefined, {}, protocol)

for (const protocol of ['HTTP/1.1', 'HTTP/2'] as const) {
  t.test(
    `the first step that refuses answers: a request that all would refuse, put right step by step: ${protocol}`,
    async (t) => {
      const gateway = await over(t, protocol, (origin) => [at(origin, demandingApi('/a', 'GET /b [admin]'))])
      const token = await accessToken({ scope: 'admin' })
      gateway.revoke(revocationOf(jtiOf(token)))
      gateway.isKnown = false
      t.equal(await gateway.get('/x;y'), '400', 'the path has several readings')
      t.equal(await gateway.get('/x'), '404', 'no API')
      t.equal(await gateway.get('/a/x'), '403 900906', 'no resource')
      t.equal(await gateway.get('/a/b'), '503 900900', 'the list is not known')
      gateway.isKnown = true
      t.equal(await gateway.get('/a/b?access_token=x'), '400', 'a token in the query')
      t.equal(await gateway.get('/a/b'), '401 900902', 'no token')
      t.equal(await gateway.get('/a/b', { authorization: 'Bearer a.b.c' }), '401 900901', 'not a token')
      t.equal(await gateway.get('/a/b', { authorization: `Bearer ${await accessToken()}` }), '403 900910', 'no scope')
      t.equal(await gateway.get('/a/b', { authorization: `Bearer ${token}` }), '401 900901', 'revoked')
      t.same(gateway.reached, [])
      t.equal(await gateway.get('/a/b', { authorization: `Bearer ${await accessToken({ scope: 'admin' })}` }), '200')
      t.same(gateway.reached, ['GET /b undefined'])
    },
  )

  t.test(
    `where another header carries the token, Authorization is the upstream’s, unless it is revoked: ${protocol}`,
    async (t) => {
      const gateway = await over(t, protocol, (origin) => [
        at(origin, demandingApi('/a', 'GET /b', 'open GET /open'), 'x-auth'),
      ])
      const [good, revoked] = [`Bearer ${await accessToken()}`, await accessToken({ sub: 'mallory' })]
      gateway.revoke({ kind: 'subject', id: 'mallory', revokedBefore: Date.now() + 1_000, expiresAt: undefined })
      gateway.revoke(revocationOf('an-opaque-token'))
      const cases: [path: string, headers: Record<string, string>, status: string][] = [
        ['/a/b', { authorization: good }, '401 900902'],
        ['/a/b', { authorization: `Bearer ${revoked}` }, '401 900902'],
        ['/a/b', { 'x-auth': good }, '200'],
        ['/a/b', { 'x-auth': good, authorization: 'Bearer of-the-upstream' }, '200'],
        ['/a/b', { 'x-auth': good, authorization: 'Basic YTpi' }, '200'],
        ['/a/b', { 'x-auth': good, authorization: 'Digest uri="www.example.com"' }, '200'],
        ['/a/b', { 'x-auth': good, authorization: `Bearer ${revoked}` }, '401 900901'],
        ['/a/b', { 'x-auth': good, authorization: `bearer\t${revoked}` }, '401 900901'],
        ['/a/b', { 'x-auth': good, authorization: 'Token an-opaque-token' }, '401 900901'],
        ['/a/b', { 'x-auth': good, authorization: `Bearer ${revoked}=` }, '401 900901'],
        ['/a/open', { authorization: 'Bearer of-the-upstream' }, '200'],
        ['/a/open', { authorization: `Bearer ${revoked}` }, '401 900901'],
        ['/a/open', { 'x-auth': 'Bearer an-opaque-token' }, '401 900901'],
      ]
      for (const [path, headers, status] of cases)
        t.equal(
          await gateway.get(path, headers),
          status,
          `${path} with ${Object.entries(headers).map((one) => one.join(' ').slice(0, 30))}`,
        )
      t.same(gateway.reached, [
        'GET /b undefined',
        'GET /b Bearer of-the-upstream',
        'GET /b Basic YTpi',
        'GET /b Digest uri="www.example.com"',
        'GET /open Bearer of-the-upstream',
      ])
    },
  )

  t.test(
    `a revoked token that an open resource does not ask for is refused wherever an upstream may find it: ${protocol}`,
    async (t) => {
      const gateway = await over(t, protocol, (origin) => [at(origin, demandingApi('/a', 'open GET /open'))])
      const token = await accessToken()
      gateway.revoke(revocationOf(jtiOf(token)))
      const headers: Record<string, string>[] = [
        { authorization: `Bearer\t${token}` },
        { authorization: `Basic YTpi, Bearer ${token}` },
        { authorization: token },
        { authorization: `Token token="${token}", nonce="1"` },
        { authorization: `Bearer=${token}` },
        { 'sec-websocket-protocol': `chat, ${token}` },
      ]
      for (const one of headers)
        t.equal(await gateway.get('/a/open', one), '401 900901', JSON.stringify(one).slice(0, 60))
      const escaped = token.replace('.', '%2E')
      for (const query of [`access_token=${token}`, `a=b;Access%5Ftoken=${escaped}`, `access_token=Bearer+${token}`])
        t.equal(await gateway.get(`/a/open?${query}`), '401 900901', query.slice(0, 40))
      gateway.isKnown = false
      t.equal(await gateway.get('/a/open?access_token=x'), '503 900900', 'nothing is known about it yet')
      t.same(gateway.reached, [])
      t.equal(await gateway.get('/a/open', { authorization: 'Basic YTpi' }), '200', 'no token')
    },
  )
}

t.test('a path reaches the upstream byte for byte, its escaped slashes and marks included', async (t) => {
  const api = demandingApi('/v1', 'open GET /p/{id}', 'open GET /p/{id}/files/{path}', 'open GET /rest/*')
  const resources = api.resources.map((resource) => ({ ...resource, encodedSlash: true }))
  const gateway = await pipeline(t, (origin) => [at(origin, { ...api, resources })])
  const values = fc
    .array(fc.constantFrom('a', 'B', '%2F', '%2f', '%23', '%3f', '@', '%40', '%20', '%C3%A9', '.', '~'), {
      minLength: 1,
    })
    .map((parts) => parts.join(''))
  const paths = fc.constantFrom('/p/{}', '/p/{}/files/{}', '/rest/{}/{}')
  let passed = 0
  const property = fc.asyncProperty(paths, values, values, async (template, one, two) => {
    const path = template.replace('{}', () => one).replace('{}', () => two)
    const req = get({ port: gateway.port, path: `/v1${path}?q=%2F`, agent: false })
    const [res] = await once(req, 'response')
    res.resume()
    if (res.statusCode === 400) return
    passed++
    t.equal(gateway.reached.at(-1), `GET ${path}?q=%2F undefined`)
  })
  await fc.assert(property, { numRuns: 200 })
  t.ok(passed > 50)
  for (const path of ['/v1/p/a%252Fb', '/v1/p/a%5Cb', '/v1/p/a%2F..%2Fb', '/v1/p/%2Fa', '/v1%2Fp/a'])
    t.equal(await gateway.get(path), '400', path)
})
