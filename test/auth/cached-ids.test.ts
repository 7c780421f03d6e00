import t from 'tap'
import type { Authenticated } from '../../src/auth/authenticator.js'
import { CachedIds } from '../../src/auth/cached-ids.js'
import { tokenCache } from '../../src/auth/token-cache.js'
import { identify } from '../../src/token/index.js'
import { fingerprints, ISSUER } from './tokens.js'

t.test('an id is there as long as one token in the cache has it', async (t) => {
  const ids = new CachedIds()
  const cache = tokenCache<Authenticated>(2, ids)
  const has = (jti: string) => ids.has(fingerprints.of('token', jti))
  cache.set('a', token('one'))
  cache.set('b', token('one'))
  t.ok(has('one') && ids.has(fingerprints.ofIssuer(ISSUER, 'token', 'one')))
  t.notOk(has('other'))
  cache.delete('a')
  t.ok(has('one'), 'the other token has it')
  cache.set('b', token('two'))
  t.strictSame([has('one'), has('two')], [false, true], 'replaced')
  cache.set('b', cache.get('b') as Authenticated)
  cache.set('c', token('three'))
  cache.set('d', token('four'))
  t.strictSame([has('two'), has('three'), has('four')], [false, true, true], 'evicted')
  cache.clear()
  t.notOk(has('three') || has('four'), 'cleared')
})

t.test('a token that is too long to be cached has no id there', async (t) => {
  const ids = new CachedIds()
  tokenCache<Authenticated>(1, ids).set('a'.repeat(5_000), token('one'))
  t.notOk(ids.has(fingerprints.of('token', 'one')))
})

function token(jti: string): Authenticated {
  const identity = identify({ kind: 'opaque', token: 'x' }, { jti, iss: ISSUER }, fingerprints)
  return { identity, scopes: new Set(), keyType: 'PRODUCTION', usableUntil: 0, expiresAt: 0 }
}
