import t from 'tap'
import { type ClaimSet, ClaimValues, claimSetOf, claimsFingerprint } from '../../src/token/claim-set.js'
import { Fingerprinter } from '../../src/token/fingerprint.js'

const fingerprints = Fingerprinter.random()
const ISSUER = 'https://a.example'

/** Whether a token with these claims has those that a rule names. */
function matches(claims: object, rule: Record<string, string | number | boolean>, iss?: string, issuers = [ISSUER]) {
  const found = new ClaimValues([claims as Record<string, unknown>], issuers, fingerprints).of([claimSetOf(rule, iss)])
  const { hi, lo } = claimsFingerprint(rule, iss, fingerprints)
  return found.some((each) => each.hi === hi && each.lo === lo)
}

t.test('every named claim must be equal', async (t) => {
  const claims = { tenant: 'acme', device: 'd-1', admin: true, level: 5, other: 'x' }
  t.ok(matches(claims, { tenant: 'acme' }))
  t.ok(matches(claims, { device: 'd-1', tenant: 'acme' }))
  t.ok(matches(claims, { tenant: 'acme', device: 'd-1', admin: true, level: 5 }))
  t.notOk(matches(claims, { tenant: 'acme', device: 'd-2' }))
  t.notOk(matches(claims, { tenant: 'ACME' }))
  t.notOk(matches(claims, { tenant: 'acme', missing: 'x' }))
  t.notOk(matches({ a: 'b', b: 'a' }, { a: 'a', b: 'b' }))
})

t.test('a value equals its text', async (t) => {
  t.ok(matches({ level: 5 }, { level: '5' }))
  t.ok(matches({ level: '5' }, { level: 5 }))
  t.ok(matches({ admin: true }, { admin: 'true' }))
  t.notOk(matches({ admin: false }, { admin: true }))
})

t.test('a path names a nested claim, also one below or of a name with dots; all readings count', async (t) => {
  t.ok(matches({ act: { sub: 'bob' } }, { 'act.sub': 'bob' }))
  t.ok(matches({ a: { b: { c: 1 } } }, { 'a.b.c': 1 }))
  t.ok(matches({ 'https://x.example/tenant': 't' }, { 'https://x.example/tenant': 't' }))
  t.ok(matches({ 'act.sub': 'alice', act: { sub: 'bob' } }, { 'act.sub': 'bob' }))
  t.ok(matches({ 'act.sub': 'alice', act: { sub: 'bob' } }, { 'act.sub': 'alice' }))
  t.ok(matches({ 'https://x.example/app': { role: 'r' } }, { 'https://x.example/app.role': 'r' }))
  t.ok(matches({ a: { 'b.c': { d: 1 } } }, { 'a.b.c.d': 1 }))
  t.notOk(matches({ act: 'bob' }, { 'act.sub': 'bob' }))
  t.notOk(matches({ act: { sub: 'bob' } }, { 'act.toString': 'bob' }))
})

t.test('lists, objects, null and what is inherited are no values', async (t) => {
  for (const value of [['acme'], { a: 'acme' }, null, undefined])
    t.notOk(matches({ tenant: value }, { tenant: 'acme' }))
  t.notOk(matches({}, { toString: 'x' }))
  t.notOk(matches({ tenant: [] }, { tenant: '' }))
})

t.test('a rule that names an issuer matches its tokens alone', async (t) => {
  t.ok(matches({ tenant: 'acme' }, { tenant: 'acme' }, ISSUER))
  t.notOk(matches({ tenant: 'acme' }, { tenant: 'acme' }, 'https://b.example'))
  t.notOk(matches({ tenant: 'acme' }, { tenant: 'acme' }, ISSUER, []))
  t.ok(matches({ tenant: 'acme' }, { tenant: 'acme' }, undefined, []))
})

t.test('a token is hashed again for the sets that have come since, and only for these', async (t) => {
  const values = new ClaimValues([{ a: '1', b: '2' }], [], fingerprints)
  const sets: ClaimSet[] = []
  t.strictSame(values.of(sets), [])
  sets.push(claimSetOf({ a: '1' }, undefined))
  const first = values.of(sets)
  t.equal(first.length, 1)
  t.equal(values.of(sets), first, 'the same array')
  sets.push(claimSetOf({ c: '3' }, undefined), claimSetOf({ b: '2' }, undefined))
  t.equal(values.of(sets).length, 2)
})

t.test('of a token with two sets of claims, each claim may be in either', async (t) => {
  const rule = { tenant: 'acme', user: 'bob' }
  const values = (...claims: Record<string, unknown>[]) =>
    new ClaimValues(claims, [], fingerprints).of([claimSetOf(rule, undefined)])
  const { hi, lo } = claimsFingerprint(rule, undefined, fingerprints)
  const has = (...claims: Record<string, unknown>[]) =>
    values(...claims).some((each) => each.hi === hi && each.lo === lo)
  t.ok(has({ tenant: 'acme' }, { user: 'bob' }))
  t.ok(has({ tenant: 'other', user: 'bob' }, { tenant: 'acme' }))
  t.notOk(has({ tenant: 'acme' }, { user: 'alice' }))
})
