import fc from 'fast-check'
import t from 'tap'
import { parseJson } from '../../src/json.js'
import { lenientSegment, MAX_CREDENTIAL_LENGTH, readCredential } from '../../src/token/credential.js'

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const HEADER = encode({ alg: 'RS256' })
const SIGNATURE = Buffer.alloc(256, 7).toString('base64url')
const jwt = (claims: string, header = HEADER, signature = SIGNATURE) => `${header}.${claims}.${signature}`

t.test('a credential of three parts is a JWT, any other is opaque', async (t) => {
  t.match(readCredential(jwt(encode({ jti: 'a' }))), { kind: 'jwt', header: { alg: 'RS256' }, claims: { jti: 'a' } })
  for (const opaque of ['8c1f', 'two.parts', 'a.b.c.d', 'a.b.c.d.e', 'padded=='])
    t.strictSame(readCredential(opaque), { kind: 'opaque', token: opaque })
})

t.test('an encrypted JWT has one spelling, without padding', async (t) => {
  const parts = [encode({ alg: 'dir', enc: 'A256GCM' }), '', 'AAAAAAAAAAAAAAAA', 'c2VjcmV0', 'AAAAAAAAAAAAAAAAAAAAAA']
  const jwe = parts.join('.')
  t.strictSame(readCredential(jwe), { kind: 'opaque', token: jwe })
  const wrapped = parts.with(1, 'AAAA').join('.')
  t.strictSame(readCredential(wrapped), { kind: 'opaque', token: wrapped })
  for (const [title, other] of [
    ['spare bits of the tag', `${jwe.slice(0, -1)}B`],
    ['padding', `${jwe}==`],
    ['padding within', parts.with(3, 'c2VjcmU=').join('.')],
    ['plain base64', parts.with(3, 'c2V/').join('.')],
    ['a character that base64 has not', parts.with(2, 'AAAA~AAAAAAAAAAAA').join('.')],
    ['the same in the header', `~${jwe}`],
    ['an impossible length', parts.with(3, 'c2Vjc').join('.')],
  ] as const)
    t.strictSame(readCredential(other), { kind: 'refused', reason: 'base64url' }, title)
})

t.test('the longest credential has 65,536 characters', async (t) => {
  t.match(readCredential('a'.repeat(65_536)), { kind: 'opaque' })
})

t.test('a credential that is malformed or ambiguous is refused, with a reason', async (t) => {
  const claims = encode({ jti: 'a' })
  const refusals: [string, string, string][] = [
    ['nothing', '', 'length'],
    ['more than 64 KB', 'a'.repeat(MAX_CREDENTIAL_LENGTH + 1), 'length'],
    ['white space', `${jwt(claims)} `, 'charset'],
    ['white space in front', ` ${jwt(claims)}`, 'charset'],
    ['null', jwt(encode(null)), 'json'],
    ['a string', jwt(encode('jti')), 'json'],
    ['a control character', 'abc\u0000', 'charset'],
    ['spare bits', jwt(claims, HEADER, 'AB'), 'base64url'],
    ['the alphabet of plain base64', jwt(claims, HEADER, 'A+/A'), 'base64url'],
    ['a length that encodes nothing', jwt(claims, HEADER, 'AAAAA'), 'base64url'],
    ['too little padding', jwt(claims, HEADER, 'AA='), 'base64url'],
    ['too much padding', jwt(claims, HEADER, 'AAA=='), 'base64url'],
    ['padding within', jwt(claims, HEADER, 'A=AA'), 'base64url'],
    ['no signature', jwt(claims, encode({ alg: 'none' }), ''), 'base64url'],
    ['no payload', jwt(''), 'base64url'],
    ['a payload that is no JSON', jwt(Buffer.from('jti').toString('base64url')), 'json'],
    ['a payload that is no object', jwt(encode(['jti'])), 'json'],
    ['a nested JWT', jwt(Buffer.from(jwt(claims)).toString('base64url')), 'json'],
    ['invalid UTF-8', jwt(Buffer.from('{"jti":"\xff"}', 'latin1').toString('base64url')), 'json'],
    ['a byte order mark', jwt(Buffer.from('\ufeff{}').toString('base64url')), 'json'],
    ['two claims of a name', jwt(Buffer.from('{"jti":"a","jti":"b"}').toString('base64url')), 'json'],
    ['the same, escaped', jwt(Buffer.from('{"jti":"a","\\u006ati":"b"}').toString('base64url')), 'json'],
    ['the same, deeper', jwt(Buffer.from('{"a":[{"b":1,"b":1}]}').toString('base64url')), 'json'],
    ['two header members of a name', jwt(claims, Buffer.from('{"alg":"a","alg":"b"}').toString('base64url')), 'json'],
  ]
  for (const [title, credential, reason] of refusals)
    t.strictSame(readCredential(credential), { kind: 'refused', reason }, title)
})

t.test('base64 of a source is brought to canonical base64url, and nothing else is', async (t) => {
  for (const [written, canonical] of [
    ['A+/A', 'A-_A'],
    ['AB', 'AA'],
    ['AA==', 'AA'],
    ['AAA=', 'AAA'],
    ['AAAAA', undefined],
    ['A===', undefined],
    ['AAAA!', undefined],
    ['!AAAA', undefined],
    ['AA=A', undefined],
    ['', undefined],
  ] as const) {
    t.equal(lenientSegment(written), canonical, written)
  }
})

t.test('colons and quotes inside strings do not count as members', async (t) => {
  const claims = { 'a:b': '"x":1', '\\': ':\\"', __proto__: 1, n: [{ n: ':' }] }
  t.equal(readCredential(jwt(encode(claims))).kind, 'jwt')
})

t.test('20,000 nested arrays are read without overflowing the stack', async (t) => {
  const claims = `{"a":${'['.repeat(20_000)}${']'.repeat(20_000)}}`
  t.equal(readCredential(jwt(Buffer.from(claims).toString('base64url'))).kind, 'jwt')
})

t.test('any JSON object is read as parseJson reads it', async () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (claims) => {
      const read = readCredential(jwt(encode(claims)))
      return read.kind === 'jwt' && JSON.stringify(read.claims) === JSON.stringify(parseJson(JSON.stringify(claims)))
    }),
  )
})

t.test('a number that a double cannot hold is its digits; a time is a number, however large', async (t) => {
  const segment = (json: string) => Buffer.from(json).toString('base64url')
  const claims = '{"jti":1382971839182739456,"act":{"sub":1382971839182739457},"n":5,"exp":9223372036854775807}'
  const read = readCredential(`${segment('{"alg":"RS256"}')}.${segment(claims)}.AAAA`)
  t.match(read, {
    claims: { jti: '1382971839182739456', act: { sub: '1382971839182739457' }, n: 5, exp: 2 ** 63 },
  })
})
