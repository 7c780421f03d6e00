import fc from 'fast-check'
import t from 'tap'
import { TooManyClaimSets } from '../../src/revocation/claim-sets.js'
import type { RevocationRecord } from '../../src/revocation/record.js'
import { RevocationList } from '../../src/revocation/revocation-list.js'
import { MAX_CLAIM_SETS } from '../../src/token/claim-set.js'
import { Fingerprinter } from '../../src/token/fingerprint.js'
import { identify } from '../../src/token/identity.js'

const NOW = Date.UTC(2026, 0, 10)
const fingerprints = Fingerprinter.random()
const SMALL = { numRuns: 300 }

function makeList(): RevocationList {
  return new RevocationList({ fingerprints, retention: 86_400_000 })
}

interface Claims {
  readonly [name: string]: string | number | undefined
}

const A = 'https://a.example'
const B = 'https://b.example'
const word = fc.constantFrom('x', 'y')
const issuer = fc.constantFrom(A, B)
const second = fc.integer({ min: 1, max: 4 }).map((n) => NOW / 1000 + n)
const token = fc.record(
  { iss: issuer, jti: word, sub: word, azp: word, sid: word, tenant: word, device: word, iat: second },
  { requiredKeys: [] },
)
const scope = fc.option(fc.constantFrom(A, B, null), { nil: undefined })
const times = second.map((at) => ({ revokedBefore: at * 1000, expiresAt: undefined }))
const claims = fc
  .record({ tenant: word, device: word }, { requiredKeys: [] })
  .filter((named) => Object.keys(named).length > 0)
const record: fc.Arbitrary<RevocationRecord> = fc.oneof(
  fc.record({ kind: fc.constant('token' as const), id: word, iss: scope, expiresAt: fc.constant(undefined) }),
  fc
    .tuple(fc.constantFrom('subject' as const, 'client' as const, 'session' as const), word, scope, times)
    .map(([kind, id, iss, rest]) => ({ kind, id, iss, ...rest })),
  fc.tuple(issuer, times).map(([iss, rest]) => ({ kind: 'issuer' as const, iss, ...rest })),
  fc
    .tuple(claims, scope, times)
    .map(([named, iss, rest]) => ({ kind: 'claims' as const, claims: named, iss, ...rest })),
)

/** The same by comparing every record with the token. */
function isRevoked(token: Claims, records: readonly RevocationRecord[]): boolean {
  return records.some((each) => {
    if (typeof each.iss === 'string' && each.iss !== token.iss) return false
    if (each.kind === 'token') return each.id === token.jti
    if (!(Number(token.iat ?? 0) * 1000 < each.revokedBefore)) return false
    if (each.kind === 'issuer') return true
    if (each.kind === 'claims') return Object.entries(each.claims).every(([name, value]) => token[name] === value)
    return each.id === { subject: token.sub, client: token.azp, session: token.sid }[each.kind]
  })
}

t.test('any records revoke the tokens that comparing each of them says, learnt directly or copied', async () => {
  fc.assert(
    fc.property(fc.array(record, { maxLength: 6 }), token, (records, claims) => {
      const list = makeList()
      const identity = identify({ kind: 'opaque', token: 'o' }, claims, fingerprints)
      for (const each of records) {
        list.find(identity) // what was hashed before a rule came is not all that counts
        list.add(each, 'topic', NOW)
      }
      const copy = makeList()
      for (const set of list.claimSets.all) copy.claimSets.restore(set)
      for (const block of list.export()) copy.import(block)
      const expected = isRevoked(claims, records)
      return (list.find(identity) !== undefined) === expected && (copy.find(identity) !== undefined) === expected
    }),
    SMALL,
  )
})

t.test('says what revoked a token: its issuer, its claims, or a name that its issuer gave', async (t) => {
  const of = (claims: Claims) => identify({ kind: 'opaque', token: 'o' }, claims, fingerprints)
  const times = { revokedBefore: NOW, expiresAt: undefined }
  const cases: [RevocationRecord, string][] = [
    [{ kind: 'issuer', iss: A, ...times }, 'issuer'],
    [{ kind: 'claims', claims: { tenant: 'x' }, ...times }, 'claims'],
    [{ kind: 'claims', claims: { tenant: 'x' }, iss: A, ...times }, 'claims'],
    [{ kind: 'subject', id: 'alice', iss: A, ...times }, 'subject'],
    [{ kind: 'token', id: 'j', iss: A, expiresAt: undefined }, 'jti'],
  ]
  for (const [each, by] of cases) {
    const list = makeList()
    list.add(each, 'admin', NOW)
    const names = { jti: 'j', sub: 'alice', tenant: 'x', iat: NOW / 1000 - 1 }
    t.match(list.find(of({ ...names, iss: A })), { by, source: 'admin' })
    t.equal(list.find(of({ ...names, iss: B })) === undefined, each.iss === A)
    t.equal(list.find(of({ iss: B, iat: NOW / 1000 - 1 })), undefined)
  }
})

t.test('a token of which nobody knows the issuer counts as one of each that is given', async (t) => {
  const list = makeList()
  list.add({ kind: 'subject', id: 'alice', iss: B, revokedBefore: NOW, expiresAt: undefined }, 'admin', NOW)
  const of = (issuers: string[]) =>
    identify({ kind: 'opaque', token: 'o' }, { sub: 'alice' }, fingerprints, undefined, undefined, issuers)
  t.match(list.find(of([A, B])), { by: 'subject' })
  for (const iss of [null, '', [], {}]) {
    const claims = { sub: 'alice', iss }
    const identity = identify({ kind: 'opaque', token: 'o' }, claims, fingerprints, undefined, undefined, [A, B])
    t.match(list.find(identity), { by: 'subject' }, `iss: ${JSON.stringify(iss)}`)
  }
  const named = { sub: 'alice', iss: A }
  t.equal(
    list.find(identify({ kind: 'opaque', token: 'o' }, named, fingerprints, undefined, undefined, [A, B])),
    undefined,
  )
  t.equal(list.find(of([A])), undefined)
})

t.test('a refused token prolongs what refused it, in each kind', async (t) => {
  const claims = { iss: A, jti: 'j', tenant: 'x', exp: NOW / 1000 + 30 * 86_400 }
  const identity = identify({ kind: 'opaque', token: 'o' }, claims, fingerprints)
  const times = { revokedBefore: NOW, expiresAt: NOW + 1_000 }
  const records: RevocationRecord[] = [
    { kind: 'token', id: 'j', iss: A, expiresAt: NOW + 1_000 },
    { kind: 'issuer', iss: A, ...times },
    { kind: 'claims', claims: { tenant: 'x' }, ...times },
  ]
  for (const each of records) {
    const list = makeList()
    list.add(each, 'topic', NOW)
    t.ok(list.touch(identity, NOW))
    while (!list.sweep(NOW + 86_400_000, 1_000).finished);
    t.ok(list.find(identity), `${each.kind} is kept as long as the token`)
  }
})

t.test('rules about too many different sets of claims are refused, and those that are there stay', async (t) => {
  const list = makeList()
  const rule = (n: number): RevocationRecord => ({
    kind: 'claims',
    claims: { [`c${n}`]: 'x' },
    revokedBefore: NOW,
    expiresAt: undefined,
  })
  for (let n = 0; n < MAX_CLAIM_SETS; n++) list.add(rule(n), 'topic', NOW)
  t.throws(() => list.add(rule(MAX_CLAIM_SETS), 'topic', NOW), TooManyClaimSets)
  t.equal(list.add(rule(3), 'topic', NOW), 0, 'a set that is known')
  t.equal(list.size.rules, MAX_CLAIM_SETS)
  t.match(list.find(identify({ kind: 'opaque', token: 'o' }, { c3: 'x' }, fingerprints)), { by: 'claims' })
})

t.test('an entry whose set of claims was lost revokes, and is told of, when its rule comes again', async (t) => {
  const rule: RevocationRecord = { kind: 'claims', claims: { a: 'x' }, revokedBefore: NOW, expiresAt: undefined }
  const [first, damaged] = [makeList(), makeList()]
  first.add(rule, 'topic', NOW)
  for (const block of first.export()) damaged.import(block)
  const of = identify({ kind: 'opaque', token: 'o' }, { a: 'x' }, fingerprints)
  t.equal(damaged.find(of), undefined, 'nobody knows that it is about a')
  const told: unknown[] = []
  damaged.onChange(({ kind }) => told.push(kind))
  t.equal(damaged.add(rule, 'topic', NOW), 1)
  t.match(damaged.find(of), { by: 'claims' })
  t.strictSame(told, ['claimsRule'], 'workers and the journal learn of it')
  t.equal(damaged.add(rule, 'topic', NOW), 0)
})

t.test('an empty kind is not looked up: names are hashed for nobody', async (t) => {
  const list = makeList()
  const identity = identify({ kind: 'opaque', token: 'o' }, { sub: 'alice' }, fingerprints)
  const asked: string[] = []
  const claims = {
    of() {
      asked.push('claims')
      return []
    },
  }
  t.equal(list.find({ ...identity, claims }), undefined)
  t.strictSame(asked, [])
  list.add({ kind: 'claims', claims: { a: 'b' }, revokedBefore: NOW, expiresAt: NOW + 1_000 }, 'topic', NOW)
  list.find({ ...identity, claims })
  t.strictSame(asked, ['claims'])
  while (!list.sweep(NOW + 86_400_000, 1_000).finished);
  list.find({ ...identity, claims })
  t.strictSame(asked, ['claims'], 'nor once all have expired')
})
