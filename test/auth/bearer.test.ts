import t from 'tap'
import { hasQueryToken, readBearer } from '../../src/auth/bearer.js'

const read = (...values: string[]) =>
  readBearer(
    values.flatMap((value) => ['Authorization', value]),
    'authorization',
  )

t.test('the scheme is read in any case, the token to the letter', async (t) => {
  for (const scheme of ['Bearer', 'bearer', 'BEARER', 'bEaReR']) {
    t.strictSame(read(`${scheme} aB.c-_~+/d==`), { kind: 'token', credential: 'aB.c-_~+/d==' })
  }
  t.strictSame(read('Bearer   abc  '), { kind: 'token', credential: 'abc' }, 'spaces around it are not part of it')
})

t.test('a JWT whose segments are padded, as old WSO2 versions leave them, is one credential', async (t) => {
  t.strictSame(read('Bearer aa=.bb==.cc='), { kind: 'token', credential: 'aa=.bb==.cc=' })
})

t.test('a header without a bearer credential is missing or malformed', async (t) => {
  for (const value of ['Basic abc', 'Bearerabc', '', 'Token abc']) t.equal(read(value).kind, 'missing', value)
  for (const value of ['Bearer', 'Bearer ', 'Bearer a b', 'Bearer a,Bearer b', 'Bearer a\tb', 'Bearer =a', 'Bearer ä'])
    t.equal(read(value).kind, 'malformed', value)
  t.equal(readBearer([], 'authorization').kind, 'missing')
})

t.test('two headers of the name are ambiguous, whatever their spelling and their values', async (t) => {
  t.equal(readBearer(['authorization', 'Bearer a', 'AUTHORIZATION', 'Bearer a'], 'authorization').kind, 'ambiguous')
  t.equal(readBearer(['Authorization', 'Basic x', 'authorization', 'Bearer a'], 'authorization').kind, 'ambiguous')
})

t.test('the header may have another name', async (t) => {
  t.strictSame(readBearer(['Authorization', 'Basic a', 'X-Token', 'Bearer b'], 'x-token'), {
    kind: 'token',
    credential: 'b',
  })
})

t.test(
  'a header that upstreams may take for the one of the token is ambiguous; Authorization is another',
  async (t) => {
    for (const other of ['X_Token', 'x_TOKEN'])
      t.equal(readBearer(['X-Token', 'Bearer a', other, 'Bearer b'], 'x-token').kind, 'ambiguous', other)
    t.same(readBearer(['X-Token', 'Bearer a', 'Authorization', 'Bearer b'], 'x-token'), {
      kind: 'token',
      credential: 'a',
    })
    t.equal(readBearer(['Authorization', 'Bearer b'], 'x-token').kind, 'missing')
  },
)

t.test('a token in the query is found, whatever it is called besides', async (t) => {
  for (const query of ['?access_token=a', '?a=b&access_token=', '?access_token=a&b']) t.ok(hasQueryToken(query), query)
  for (const query of ['', '?my_access_token=a', '?a=access_token', '?access_tokens=a', '?a=%26access_token=b'])
    t.notOk(hasQueryToken(query), query)
})

t.test('a token in the query is found as upstreams may read it: escaped, in any case, after a semicolon', async (t) => {
  const escaped = [...'access_token'].map((c) => `%${c.charCodeAt(0).toString(16)}`).join('')
  for (const query of [
    '?access%5Ftoken=a',
    '?access%5ftoken=a',
    `?b&${escaped}=a`,
    '?Access_Token=a',
    '?b=c;access_token=a',
  ])
    t.ok(hasQueryToken(query), query)
  for (const query of [
    '?access_token[]=a',
    '?access_token[0]=a',
    '?access_token%5B%5D=a',
    '?access_token[',
    '?access.token=a',
    '?access%2Etoken=a',
    '?access+token=a',
    '?access%20token=a',
    '?access[token=a',
    '?b&+access_token=a',
    '?%20%20access_token=a',
    '?access_token%00=a',
    '?b;access%5Ftoken%00x=a',
    '?access_token%00',
  ])
    t.ok(hasQueryToken(query), `as PHP reads it: ${query}`)
  for (const query of [
    '?access_token]=a',
    '?a[access_token]=a',
    '?access-token=a',
    '?access__token=a',
    '?access%00_token=a',
  ])
    t.notOk(hasQueryToken(query), query)
  for (const query of ['?access%255Ftoken=a', '?access%token=a', '?access%5Xtoken=a'])
    t.notOk(hasQueryToken(query), query)
})
