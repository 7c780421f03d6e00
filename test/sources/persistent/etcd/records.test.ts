import fc from 'fast-check'
import t from 'tap'
import type { RevocationRecord } from '../../../../src/revocation/record.js'
import { readRecord, readToken, writeRecord } from '../../../../src/sources/persistent/etcd/records.js'

const NOW = Date.UTC(2026, 0, 1)
const text = fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' })
const iss = fc.option(fc.oneof(text, fc.constant(null)), { nil: undefined })
const scope = iss.map((value) => (value === undefined ? {} : { iss: value }))
const expiresAt = fc.option(fc.integer({ min: NOW + 1, max: NOW + 1e10 }), { nil: undefined })
const times = fc.record({ revokedBefore: fc.integer({ min: 1e11, max: 1e13 }), expiresAt })
const claims = fc.dictionary(text, text, { minKeys: 1, maxKeys: 4 }).map((value) => ({ ...value }))
const record: fc.Arbitrary<RevocationRecord> = fc.oneof(
  fc.tuple(text, scope, expiresAt).map(([id, of, end]) => ({ kind: 'token' as const, id, ...of, expiresAt: end })),
  fc
    .tuple(fc.constantFrom('subject' as const, 'client' as const, 'session' as const), text, scope, times)
    .map(([kind, id, of, rest]) => ({ kind, id, ...of, ...rest })),
  fc.tuple(text, times).map(([issuer, rest]) => ({ kind: 'issuer' as const, iss: issuer, ...rest })),
  fc
    .tuple(claims, scope, times)
    .map(([named, of, rest]) => ({ kind: 'claims' as const, claims: named, ...of, ...rest })),
)

t.test('every record is read as it was written', async (t) => {
  fc.assert(
    fc.property(record, (written) => {
      const { place, rest, value } = writeRecord(written)
      const read = place === 'tokens' ? readToken(rest, value, NOW) : readRecord(rest, value, NOW)
      t.ok(place === 'tokens' || /^(?:(?:any|of\/[^/]+)\/)?[a-z]+\/[^/]+$/.test(rest))
      return JSON.stringify(sorted(read)) === JSON.stringify(sorted(written))
    }),
  )
})

t.test('claims are read as text, with all digits', async (t) => {
  const rest = `claims/${encodeURIComponent('{"a":1382971839182739457,"b":true,"c":1.5}')}`
  const read = readRecord(rest, JSON.stringify({ revokedBefore: NOW }), NOW)
  t.match(read, { claims: { a: '1382971839182739457', b: 'true', c: '1.5' } })
})

t.test('records of different issuers, and of any, have different keys', async (t) => {
  const of = (scope: { readonly iss?: string | null }) =>
    writeRecord({ kind: 'subject', id: 'alice', ...scope, revokedBefore: NOW, expiresAt: undefined }).rest
  t.strictSame(
    [of({}), of({ iss: null }), of({ iss: 'https://a/b' }), of({ iss: '_b' })],
    ['subject/alice', 'any/subject/alice', 'of/https%3A%2F%2Fa%2Fb/subject/alice', 'of/%5Fb/subject/alice'],
  )
})

t.test('the order of claims makes no difference to the key', async (t) => {
  const times = { revokedBefore: NOW, expiresAt: undefined }
  const one = writeRecord({ kind: 'claims', claims: { a: 1, b: 2 }, ...times })
  const other = writeRecord({ kind: 'claims', claims: { b: 2, a: 1 }, ...times })
  t.equal(one.rest, other.rest)
})

t.test('what was not written by these rules is no record', async (t) => {
  const value = JSON.stringify({ revokedBefore: NOW })
  for (const rest of [
    '',
    'subject',
    'subject/',
    'subject/a/b',
    'of/subject/alice',
    'of//subject/alice',
    'of/x/issuer/y',
    'any/issuer/y',
    'any/any/subject/alice',
    'claims/x',
    'claims/%7B%7D',
    'claims/%7B%22a%22%3A%5B%5D%7D',
    'group/alice',
    'subject/%ff',
  ])
    t.equal(readRecord(rest, value, NOW), undefined, rest)
  t.equal(readRecord('subject/alice', 'true', NOW), undefined)
})

/** With its members, and those of its claims, in one order. */
function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  return Object.entries(value)
    .filter(([, each]) => each !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, each]) => [name, sorted(each)])
}

t.test('a record that has ended lately ends soon, and not as one of unknown end', async (t) => {
  const now = 1_800_000_000_000
  const soon = now + 900_000
  const value = (expiresAt: number) => JSON.stringify({ revokedBefore: now - 1, expiresAt })
  for (const [expiresAt, end] of [
    [now + 5, now + 5],
    [now, soon],
    [now - 3_900_000, soon],
    [now - 2 * 86_400_000, undefined], // no store keeps it: the clock is wrong, or that is no moment
    [3_600, undefined],
  ] as const) {
    t.equal(readToken('a', value(expiresAt), now)?.expiresAt, end, String(expiresAt))
    t.equal(readRecord('subject/alice', value(expiresAt), now)?.expiresAt, end, String(expiresAt))
  }
})
