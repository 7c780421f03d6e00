import t from 'tap'
import { explain, listedUnder } from '../../src/revocation/explanation.js'
import { RevocationList, type RevocationRecord } from '../../src/revocation/index.js'
import { Fingerprinter, identify } from '../../src/token/index.js'

const NOW = Date.UTC(2026, 0, 1)
const ISS = 'https://issuer.example'
const fingerprints = Fingerprinter.random()
const CLAIMS = { iss: ISS, sub: 'alice', sid: 's-1', azp: 'app', jti: 'j-1', iat: NOW / 1000, role: 'admin' }
const token = identify({ kind: 'opaque', token: 'An-Opaque-Token' }, CLAIMS, fingerprints)

const rule = { revokedBefore: NOW + 1, expiresAt: undefined }
const RECORDS: readonly RevocationRecord[] = [
  { kind: 'token', id: 'j-1', expiresAt: undefined },
  { kind: 'token', id: 'j-1', iss: ISS, expiresAt: undefined },
  { kind: 'token', id: 'AN-OPAQUE-TOKEN', expiresAt: undefined },
  { kind: 'subject', id: 'alice', ...rule },
  { kind: 'subject', id: 'alice', iss: ISS, ...rule },
  { kind: 'session', id: 's-1', ...rule },
  { kind: 'client', id: 'app', iss: ISS, ...rule },
  { kind: 'issuer', iss: ISS, ...rule },
  { kind: 'claims', claims: { role: 'admin' }, ...rule },
]

const listOf = (...records: RevocationRecord[]) => {
  const list = new RevocationList({ fingerprints, retention: 86_400_000 })
  for (const record of records) list.add(record, `from ${record.kind}`, NOW)
  return list
}

t.test(
  'the first name that revokes is what a look-up finds, for every kind of record and any two of them',
  async (t) => {
    for (const one of RECORDS) {
      for (const other of RECORDS) {
        const list = listOf(one, other)
        const first = explain(list, token).find(({ revokes }) => revokes)
        const found = list.find(token)
        t.ok(found !== undefined)
        t.equal(first?.name, found?.by, `${one.kind} and ${other.kind}`)
        t.equal(first?.record?.source, found?.source)
        t.equal(first?.record?.learntAt, new Date(found?.learntAt ?? 0).toISOString())
      }
    }
  },
)

t.test('a rule that spares the token is listed and does not revoke; other records are not listed', async (t) => {
  const list = listOf(
    { kind: 'subject', id: 'alice', revokedBefore: NOW - 1, expiresAt: undefined },
    { kind: 'token', id: 'another', expiresAt: undefined },
    { kind: 'subject', id: 'alice', iss: 'https://another.example', ...rule },
  )
  const listed = explain(list, token).filter((row) => row.listed)
  t.match(listed, [{ name: 'subject', issuer: 'any', revokes: false }])
  t.equal(listed[0]?.record?.revokedBefore, new Date(NOW - 1).toISOString())
  t.equal(list.find(token), undefined)
})

t.test('a record finds the entries that it has made, and no other', async (t) => {
  for (const record of RECORDS) {
    t.strictSame(listedUnder(listOf(), record), [])
    const own = listedUnder(listOf(record), record)
    t.ok(own.length > 0, record.kind)
    for (const { source } of own) t.equal(source, `from ${record.kind}`)
  }
  t.strictSame(
    listedUnder(listOf({ kind: 'token', id: 'j-1', iss: ISS, expiresAt: undefined }), RECORDS[0] ?? never()),
    [],
  )
})

function never(): never {
  throw new TypeError('there are records')
}
