import fc from 'fast-check'
import t from 'tap'
import { carriedTokens } from '../../src/auth/carried-tokens.js'
import { signed } from './tokens.js'

/** The texts of what is found in a request to an API whose header for tokens is `x-token`. */
function found(rawHeaders: readonly string[], query = '', isChecked = true): readonly string[] | 'malformed' {
  const tokens = carriedTokens(rawHeaders, 'x-token', isChecked, query)
  return tokens === 'malformed' ? tokens : tokens.map(({ token }) => token)
}

t.test('the token in an Authorization header is found whatever stands before it', async (t) => {
  for (const token of ['an-opaque.one', await signed()]) {
    for (const value of [
      `Bearer ${token}`,
      `bearer   ${token} `,
      `Bearer\t${token}`,
      `Bearer=${token}`,
      `Bearer:${token}`,
      `Bearer,${token}`,
      `Token ${token}`,
      `Basic YTpi, Bearer ${token}`,
      `Token token="${token}", x=1`,
      `access_token=${token}`,
      token,
    ])
      t.ok(found(['Authorization', value]).includes(token), value.slice(0, 40))
  }
  t.same(found(['AUTHORIZATION', 'Bearer a', 'Sec-WebSocket-Protocol', `chat, ${'b'.repeat(32)}`]), [
    'a',
    'b'.repeat(32),
  ])
})

t.test('a JWT is found in Authorization and among subprotocols whatever is glued to its front', async (t) => {
  const pretty = Buffer.from('{ "alg": "none" }').toString('base64url')
  for (const jwt of [await signed(), `${pretty}.e30.c2ln`]) {
    for (const front of ['Bearer-', 'JWT_', 'bearer.', 'Token/', 'a=b=', 'auth-', 'access_token.', 'a.b.c.']) {
      t.ok(found(['Authorization', front + jwt]).includes(jwt), front)
      t.ok(found(['Sec-WebSocket-Protocol', `chat, ${front}${jwt}`]).includes(jwt), `${front} as a subprotocol`)
    }
    t.equal(found(['Authorization', `Bearer-${jwt}=`]), 'malformed')
    t.equal(found(['Sec-WebSocket-Protocol', `auth-${jwt}=`]), 'malformed')
  }
})

t.test('a token among subprotocols is found as Kubernetes spells it', async (t) => {
  const spelt = (text: string) => `base64url.bearer.authorization.k8s.io.${Buffer.from(text).toString('base64url')}`
  for (const token of ['opaque', await signed()])
    t.ok(found(['Sec-WebSocket-Protocol', `base64.channel.k8s.io, ${spelt(token)}`]).includes(token))
  t.equal(found(['Sec-WebSocket-Protocol', spelt('a b')]), 'malformed')
})

t.test('credentials of Digest and OAuth 1 are not too many', async (t) => {
  const digest = ['username', 'realm', 'uri', 'nonce', 'cnonce', 'response', 'opaque', 'userhash', 'domain']
  const oauth = ['realm', 'oauth_consumer_key', 'oauth_token', 'oauth_signature_method', 'oauth_timestamp']
  for (const [scheme, names] of [
    ['Digest', digest],
    ['OAuth', [...oauth, 'oauth_nonce', 'oauth_version', 'oauth_signature', 'oauth_callback', 'oauth_verifier']],
  ] as const) {
    const value = `${scheme} ${names.map((name, at) => `${name}="/x${at}%2F="`).join(', ')}, qop=auth, nc=00000001`
    t.not(found(['Authorization', value]), 'malformed', value)
  }
})

t.test('the header whose token is authenticated is left out, and only that', async (t) => {
  const headers = ['X-Token', 'Bearer a', 'Authorization', 'Bearer b', 'Other', 'Bearer c']
  t.same(found(headers), ['b'])
  t.same(found(headers, '', false), ['a', 'b'])
  t.same(found([], '?access_token=d&token=e'), ['d'])
})

t.test('credentials that hold no token are none', async (t) => {
  t.same(found(['Authorization', 'Basic YTpi']), [])
  t.notOk(found(['Authorization', 'Digest uri="www.example.com", nc=1']).includes('www.example.com'))
  t.same(found(['Sec-WebSocket-Protocol', 'graphql-transport-ws, chat.example.com']), [])
})

t.test('a token that can be read in more than one way, and more than a request needs, is malformed', async (t) => {
  const jwt = await signed()
  for (const value of [`Bearer ${jwt}=`, `${jwt}=`, `Token ${jwt}=`, 'Bearer a b', 'Bearer', 'Bearer a, Bearer b'])
    t.equal(found(['Authorization', value]), 'malformed', value.slice(0, 30))
  t.equal(found([], `?access_token=${jwt}%3D`), 'malformed')
  const [head, rest] = [jwt.slice(0, -9), jwt.slice(-9)]
  for (const skipped of ['!', ', ', ' ', '", x="', '%21', '\xa0'])
    t.equal(
      found(['Authorization', `Token ${head}${skipped}${rest}`]),
      'malformed',
      `a signature with ${skipped} in it`,
    )
  t.equal(found([], `?access_token=${head}!${rest}`), 'malformed')
  const jwe = `${jwt.slice(0, jwt.indexOf('.'))}..AAAA.AAAA.AA`
  t.same(found(['Authorization', `Token ${jwe}`]), ['Token', jwe])
  t.equal(found(['Authorization', `Token ${jwe.slice(0, -1)}B`]), 'malformed', 'an encrypted JWT, spelt otherwise')
  const many = Array.from({ length: 100_000 }, (_, at) => at).join(' ')
  t.equal(found(['Authorization', many]), 'malformed')
  t.equal(found(['Authorization', `x ${'a,'.repeat(99)}`]), 'malformed', 'the same text many times')
  t.equal(found(['Authorization', `x ${`"${jwt}" `.repeat(99)}`]), 'malformed', 'the same JWT many times')
  t.equal(found(['Sec-WebSocket-Protocol', Array(99).fill('a'.repeat(32)).join()]), 'malformed')
  t.equal(
    found([], `?${'access_token=a&'.repeat(2)}${Array.from({ length: 99 }, (_, i) => `access_token=${i}`).join('&')}`),
    'malformed',
  )
})

t.test('a token in the query is found in any spelling that decodes to it once or twice', async (t) => {
  const escaped = (text: string, share: number) =>
    [...text].map((c, at) => (at % share === 0 ? `%${c.charCodeAt(0).toString(16)}` : c)).join('')
  const text = fc.stringMatching(/^[A-Za-z0-9._~-]{8,40}$/).filter((one) => one.split('.').length !== 3)
  const property = fc.property(text, fc.integer({ min: 1, max: 5 }), fc.boolean(), (token, share, twice) => {
    const once = escaped(token, share)
    const tokens = found([], `?a=b&access_token=${twice ? once.replaceAll('%', '%25') : once}`)
    return tokens === 'malformed' || tokens.includes(token)
  })
  t.doesNotThrow(() => fc.assert(property))
})
