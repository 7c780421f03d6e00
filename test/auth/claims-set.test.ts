import fc from 'fast-check'
import { errors, jwtVerify, SignJWT } from 'jose'
import t from 'tap'
import { checkClaims } from '../../src/auth/claims-set.js'

const SECRET = new TextEncoder().encode('a secret that is long enough for SHA-256')
const NOW = 1_700_000_000_500
const ISSUER = 'https://issuer.example'
const around = fc.constantFrom(-6, -5, -4, 0, 1, 5, 6).map((seconds) => Math.floor(NOW / 1000) + seconds)
const odd = fc.constantFrom<unknown>(undefined, null, '1700000000', true, 0, -1, 1e300, 1.5, {}, [])
const time = fc.oneof({ weight: 4, arbitrary: around as fc.Arbitrary<unknown> }, odd)
const name = fc.constantFrom<unknown>(ISSUER, 'other', undefined, null, 1, [ISSUER], [])
const audience = fc.constantFrom<unknown>('a', 'b', ['a'], ['x', 'b'], [], [1], undefined, null, { a: 1 })
const claimsSets = fc.record({ iss: name, aud: audience, exp: time, nbf: time, iat: time })
const types = fc.constantFrom<unknown>('at+jwt', 'AT+JWT', 'application/at+jwt', 'x/at+jwt', 'JWT', undefined)
const rules = fc.record({
  audience: fc.constantFrom<string[]>([], ['a'], ['a', 'b']),
  requireAccessTokenType: fc.boolean(),
  skew: fc.constantFrom(0, 5_000, 500),
})

t.test('claims are judged as jose judges them', async (t) => {
  await fc.assert(
    fc.asyncProperty(claimsSets, types, rules, async (claims, typ, { audience, requireAccessTokenType, skew }) => {
      const written = JSON.parse(JSON.stringify(claims)) as Record<string, unknown>
      const header = { alg: 'HS256', ...(typ === undefined ? {} : { typ: String(typ) }) }
      const token = await new SignJWT(written).setProtectedHeader(header).sign(SECRET)
      const theirs = await verdict(() =>
        jwtVerify(token, SECRET, {
          issuer: ISSUER,
          ...(audience.length === 0 ? {} : { audience }),
          ...(requireAccessTokenType ? { typ: 'at+jwt' } : {}),
          requiredClaims: ['exp'],
          clockTolerance: skew / 1000,
          currentDate: new Date(NOW),
        }),
      )
      const ours = await verdict(() =>
        checkClaims(header, written, { issuer: ISSUER, audience, requireAccessTokenType, skew, now: NOW }),
      )
      if (ours !== theirs) throw new Error(`${ours}, and jose says ${theirs}`)
    }),
    { numRuns: 2_000 },
  )
  t.pass('in 2,000 cases')
})

async function verdict(check: () => unknown): Promise<string> {
  try {
    await check()
    return 'accepted'
  } catch (error) {
    if (error instanceof errors.JOSEError) return error.code
    throw error
  }
}
