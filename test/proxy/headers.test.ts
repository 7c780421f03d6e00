import t from 'tap'
import { requestHeaders as forwardedHeaders, responseHeaders, type Told } from '../../src/proxy/headers.js'

const nothing = (): Told => ({
  host: undefined,
  via: undefined,
  forwarded: undefined,
  for: undefined,
  proto: undefined,
  forwardedHost: undefined,
})
const requestHeaders = (raw: readonly string[], removed: ReadonlySet<string>, isTrusted = false, told = nothing()) =>
  forwardedHeaders(raw, removed, isTrusted, told)

t.test('headers keep their order, spelling and repetition', async (t) => {
  const raw = ['Accept', 'a', 'X-One', '1', 'x-one', '2', 'Cookie', 'c']
  t.strictSame(requestHeaders(raw, new Set()), raw)
})

t.test('headers of one connection are not passed on', async (t) => {
  const names = ['Connection', 'Keep-Alive', 'Proxy-Connection', 'Proxy-Authorization', 'TE', 'Trailer']
  const more = ['Transfer-Encoding', 'Upgrade', 'HTTP2-Settings', 'Expect', 'Host']
  t.strictSame(
    requestHeaders(
      [...names, ...more].flatMap((name) => [name, 'x']),
      new Set(),
    ),
    [],
  )
})

t.test('headers that Connection lists are not passed on, in any spelling', async (t) => {
  t.strictSame(
    requestHeaders(['connection', 'close, X-Secret ,x-other', 'X-SECRET', '1', 'X-Other', '2', 'A', '3'], new Set()),
    ['A', '3'],
  )
  t.strictSame(responseHeaders([Buffer.from('Connection'), Buffer.from('x-hop'), 'X-Hop', '1', 'b', '2']), ['b', '2'])
})

t.test('Connection cannot remove the headers that frame the message', async (t) => {
  const raw = ['Connection', 'content-length', 'Content-Length', '5']
  t.strictSame(requestHeaders(raw, new Set()), ['Content-Length', '5'])
})

t.test('named headers are removed, however they are spelt', async (t) => {
  t.strictSame(requestHeaders(['AUTHORIZATION', 'x', 'B', '1'], new Set(['authorization'])), ['B', '1'])
})

t.test('added headers replace those of the same name, not those named in their values', async (t) => {
  const added = [
    'vary',
    'Origin',
    'access-control-allow-origin',
    'https://a.example',
    'access-control-expose-headers',
    'etag',
  ]
  t.strictSame(
    responseHeaders(['ETag', '"1"', 'Vary', 'Accept', 'Access-Control-Allow-Origin', '*', 'Origin', 'x'], added),
    ['ETag', '"1"', 'Vary', 'Accept', 'Origin', 'x', ...added],
  )
})

t.test('headers that name another path, method or caller are not forwarded', async (t) => {
  const raw = [
    'X-Original-URL',
    '/admin',
    'X_HTTP_Method_Override',
    'DELETE',
    'X_JWT_Assertion',
    'forged',
    'Content_Length',
    '50',
    'X_Other',
    'a',
  ]
  t.strictSame(requestHeaders(raw, new Set(['x-jwt-assertion'])), ['X_Other', 'a'])
})

const CLAIMS = [
  ...[
    'Forwarded',
    'X-Forwarded-For',
    'X-Forwarded-Proto',
    'X-Forwarded-Host',
    'X-Forwarded-Port',
    'X-Forwarded-Prefix',
  ],
  ...['X-Forwarded-User', 'X-Forwarded-Anything', 'X-Real-IP', 'X-Client-IP', 'True-Client-IP', 'CF-Connecting-IP'],
]

t.test('what a client says of where it comes from is not forwarded, however it is spelt', async (t) => {
  const spelt = CLAIMS.flatMap((name) => [name, name.toLowerCase(), name.replaceAll('-', '_'), name.toUpperCase()])
  const told = nothing()
  t.strictSame(
    requestHeaders(
      spelt.flatMap((name) => [name, '192.0.2.1']),
      new Set(),
      false,
      told,
    ),
    [],
  )
  t.strictSame(told, nothing())
})

t.test('what a trusted proxy says of its client is kept, in its one spelling', async (t) => {
  const told = nothing()
  const raw = ['X-Forwarded-For', '192.0.2.1', 'X-Real-IP', '192.0.2.1', 'x-forwarded-for', '192.0.2.2']
  const more = [
    'X-Forwarded-Proto',
    'https',
    'X_Real_IP',
    'forged',
    'X_Forwarded_For',
    'forged',
    'X-Forwarded-Port',
    '443',
  ]
  const kept = requestHeaders([...raw, ...more, 'Forwarded', 'for=a'], new Set(), true, told)
  t.strictSame(kept, ['X-Real-IP', '192.0.2.1', 'X-Forwarded-Port', '443'])
  t.strictSame(told, { ...nothing(), for: '192.0.2.1, 192.0.2.2', proto: 'https', forwarded: 'for=a' })
})

t.test('host and Via are told whoever the client is', async (t) => {
  const told = nothing()
  requestHeaders(['Host', 'a.example', 'Via', '1.0 a', 'via', '1.1 b', 'V_ia', 'c'], new Set(), false, told)
  t.strictSame(told, { ...nothing(), host: 'a.example', via: '1.0 a, 1.1 b' })
})
