import t from 'tap'
import { requestHeaders, responseHeaders } from '../../src/proxy/headers.js'

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
