import t from 'tap'
import { checkMappings, keyTypeOf, mapClaims, scopesOf } from '../../src/auth/claims.js'

t.test('no claim that decides whether a token is accepted can be mapped to', async (t) => {
  for (const localClaim of ['iss', 'aud', 'exp', 'nbf', 'iat']) {
    const mappings = [
      { remoteClaim: 'a', localClaim: 'scope' },
      { remoteClaim: 'x', localClaim },
    ]
    t.throws(() => checkMappings(mappings), { code: 'ERR_CLAIM_MAPPING', message: localClaim })
  }
  t.doesNotThrow(() => checkMappings([{ remoteClaim: 'exp', localClaim: 'ends' }]))
})

t.test('a mapped claim has both names; where both are there, the mapped one counts', async (t) => {
  const mappings = [
    { remoteClaim: 'scp', localClaim: 'scope' },
    { remoteClaim: 'uid', localClaim: 'sub' },
    { remoteClaim: 'absent', localClaim: 'jti' },
  ]
  const claims = { scp: 'read', uid: 'alice', sub: 'other', jti: 'j' }
  t.strictSame(mapClaims(claims, mappings), { scp: 'read', uid: 'alice', sub: 'alice', jti: 'j', scope: 'read' })
  t.equal(mapClaims(claims, []), claims)
  t.strictSame(claims, { scp: 'read', uid: 'alice', sub: 'other', jti: 'j' }, 'the claims given are not changed')
  const inherited = mapClaims({ a: 1 }, [{ remoteClaim: 'toString', localClaim: 'scope' }])
  t.strictSame(inherited, { a: 1 }, 'only a claim of the token is mapped')
})

t.test('two claims that are swapped each get the other’s value', async (t) => {
  const mappings = [
    { remoteClaim: 'a', localClaim: 'b' },
    { remoteClaim: 'b', localClaim: 'a' },
  ]
  t.strictSame(mapClaims({ a: 1, b: 2 }, mappings), { a: 2, b: 1 })
})

t.test('scopes are words of scope, or else of scp, or a list; nothing else grants any', async (t) => {
  const cases: readonly (readonly [claims: object, scopes: readonly string[]])[] = [
    [{ scope: 'read write' }, ['read', 'write']],
    [{ scope: '  read   write ' }, ['read', 'write']],
    [{ scope: ['read', 'a b', 7, null] }, ['read', 'a b']],
    [{ scp: 'read' }, ['read']],
    [{ scp: ['read'] }, ['read']],
    [{ scope: 'read', scp: 'admin' }, ['read']],
    [{ scope: '', scp: 'admin' }, []],
    [{ scope: 7 }, []],
    [{ scope: { read: true } }, []],
    [{ scope: null }, []],
    [{}, []],
  ]
  for (const [claims, scopes] of cases) t.strictSame([...scopesOf({ ...claims })], scopes, JSON.stringify(claims))
})

t.test('a token is for production, unless its keytype is SANDBOX to the letter', async (t) => {
  t.equal(keyTypeOf({ keytype: 'SANDBOX' }), 'SANDBOX')
  for (const keytype of ['PRODUCTION', 'sandbox', 'SANDBOX ', ['SANDBOX'], true, null, undefined]) {
    t.equal(keyTypeOf({ keytype }), 'PRODUCTION', String(keytype))
  }
})
