import t from 'tap'
import { KeyNames } from '../../src/auth/key-names.js'

t.test('a key is found by the names that WSO2’s versions give it', async (t) => {
  const names = new KeyNames({
    keys: [
      { kty: 'RSA', kid: 'a_RS256' },
      { kty: 'RSA', kid: 'b', x5t: 'thumb' },
      { kty: 'RSA' },
      { kty: 'RSA', kid: 'c' },
    ],
  })
  const cases: [object, string | undefined][] = [
    [{ kid: 'a_RS256' }, 'a_RS256'],
    [{ kid: 'a' }, 'a_RS256'],
    [{ kid: 'b_RS256' }, 'b'],
    [{ kid: 'b_ES256' }, 'b_ES256'],
    [{ x5t: 'thumb' }, 'b'],
    [{ x5t: 'a' }, 'a_RS256'],
    [{ kid: 'c', x5t: 'thumb' }, 'c'],
    [{ kid: 'x', x5t: 'thumb' }, 'b'],
    [{ kid: 'x' }, 'x'],
    [{ kid: '__proto__' }, '__proto__'],
    [{}, undefined],
  ]
  for (const [header, kid] of cases)
    t.equal(names.resolve({ alg: 'RS256', ...header }).kid, kid, JSON.stringify(header))
})
