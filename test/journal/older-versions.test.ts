import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { HEADER_BYTES, VERSION } from '../../src/journal/format.js'
import { identify } from '../../src/token/identity.js'
import { NOW, open, openUntilEnd } from './opened-journal.js'

/** A journal that version 2 wrote: the token `a-jti`, the subject `alice`, the client `app`, the session `s1`. */
const JOURNAL =
  'TUdXSlJOTAKu0/Z5LjSVE48ajVgICAAAADOU5jN93vRtRXpcISrL2WYEEQAAACdhB9s9sZDJWyJ0b3BpYyIsInN0b3JlIl0BEAAAADKJW6s8GdxHCtQZ4nwdl4YAJKXygApXaQJIAAAAr9RC4iDRy0cWvqB56ontU4ErQ3qACldpmwEAAAAEAXwyVWOP/+2gyIErQ3qACldpmwEAAAAEAXyEF5fEV+REk4ErQ3qACldpmwEAAAAEAXw='
/** Its length record's two slots. */
const SLOTS = [
  'TUdXSkxFTgEAAAAAAAAAQK7T9nkuNJUTRXpcISrL2WYAAAAAAIBEQAAAAAAAAAAAAAAAAAAAAABRdP8F',
  'TUdXSkxFTgEAAAAAAAAIQK7T9nkuNJUTRXpcISrL2WYAAAAAACBnQAAAAAAAAAAAAAAAAAAAAADwizEH',
]
/** How far they are apart. */
const SLOT_DISTANCE = 4_096

/** What version 3 wrote: the opaque tokens `AbC`, `XyZ` of issuer A, the subject `alice`. */
const JOURNAL_3 =
  'TUdXSlJOTAMK5v0abFsuejUiNm4ICAAAADOU5jMZC4WinAb9pYIxn3wECQAAAFceqk7Pod0LWyJ0b3BpYyJdASAAAACTcXBbjHlfBJ/VU0wzhxx8gJd+aQC5VWnY6YALlKrT74CXfmkAuVVpCSAAAABSOgBrVdL0ex38XhWFwlabgJd+aQC5VWnFfEfLyXJBuICXfmkAuVVpAhgAAAAN208pZeoQLjzFvmEfTsgNgJd+aQC5VWmbAQAAAKjadg=='
const SLOTS_3 = [
  'TUdXSkxFTgEAAAAAAAAAQArm/RpsWy56nAb9pYIxn3wAAAAAAIBEQAAAAAAAAAAAAAAAAAAAAABToLsr',
  'TUdXSkxFTgEAAAAAAAAIQArm/RpsWy56nAb9pYIxn3wAAAAAAMBnQAAAAAAAAAAAAAAAAAAAAACeHejY',
]

const HELD = [{ jti: 'a-jti' }, { sub: 'alice' }, { azp: 'app' }, { sid: 's1' }]
const VERSION_BYTE = 7
const A = 'https://a.example'
const B = 'https://b.example'

function oldJournal(t: Test, journal = JOURNAL, slots = SLOTS): string {
  const path = join(t.testdir(), 'journal')
  writeFileSync(path, Buffer.from(journal, 'base64'))
  const record = Buffer.alloc(SLOT_DISTANCE + 60)
  for (const [index, slot] of slots.entries()) Buffer.from(slot, 'base64').copy(record, index * SLOT_DISTANCE)
  writeFileSync(`${path}.length`, record)
  return path
}

t.test('what version 2 wrote is read whole, and the file is replaced by one of this version', async (t) => {
  const path = oldJournal(t)
  const seed = readFileSync(path).subarray(VERSION_BYTE + 1, HEADER_BYTES - 4)
  const { journal, list, fingerprints } = await openUntilEnd(t, path)
  const isRevoked = (claims: object) =>
    list.find(identify({ kind: 'opaque', token: 'o' }, claims as Record<string, unknown>, fingerprints)) !== undefined
  t.strictSame(journal.damages.all, [])
  for (const claims of HELD) t.ok(isRevoked({ ...claims, iss: 'https://any.example' }), JSON.stringify(claims))
  t.notOk(isRevoked({ sub: 'bob' }))
  list.add({ kind: 'subject', id: 'bob', iss: A, revokedBefore: NOW, expiresAt: undefined }, 'x', NOW)
  await journal.flush()
  const bytes = readFileSync(path)
  t.equal(bytes[VERSION_BYTE], VERSION, 'an older mgw, which ignores what it does not know, refuses to read it')
  t.strictSame(bytes.subarray(VERSION_BYTE + 1, HEADER_BYTES - 4), seed)
  await journal.close()
  const again = await open(path)
  t.teardown(() => again.journal.close())
  t.strictSame(again.list.size, { tokens: 1, rules: 4 })
})

t.test(
  'what version 3 refused of an opaque token’s spellings is refused, also from the file that replaces it',
  async (t) => {
    const path = oldJournal(t, JOURNAL_3, SLOTS_3)
    for (const when of ['at the first start', 'after a restart', 'after another']) {
      const { journal, list, fingerprints } = await open(path)
      const isRevoked = (token: string, iss: string) =>
        list.find(identify({ kind: 'opaque', token }, { iss }, fingerprints)) !== undefined
      t.strictSame(journal.damages.all, [], when)
      for (const token of ['AbC', 'abc', 'ABC='])
        for (const iss of [A, B]) t.ok(isRevoked(token, iss), `${when}: ${token} of ${iss}`)
      for (const token of ['XyZ', 'xyz', 'XYZ=']) {
        t.ok(isRevoked(token, A), `${when}: ${token} of ${A}`)
        t.notOk(isRevoked(token, B), `${when}: ${token} of ${B}`)
      }
      t.notOk(isRevoked('abd', A))
      list.add({ kind: 'token', id: when, expiresAt: undefined }, 'topic', NOW)
      await journal.flush()
      t.equal(readFileSync(path)[VERSION_BYTE], VERSION, when)
      await journal.close()
    }
  },
)

t.test('a header of version 3 that cannot be read costs no spelling of an opaque token', async (t) => {
  const path = oldJournal(t, JOURNAL_3, SLOTS_3)
  const bytes = readFileSync(path)
  bytes.fill(0, 0, HEADER_BYTES)
  writeFileSync(path, bytes)
  const { list, fingerprints } = await openUntilEnd(t, path)
  t.match(list.find(identify({ kind: 'opaque', token: 'ABC=' }, {}, fingerprints)), { by: 'token' })
})

t.test('rules about issuers and claims are found after a restart, and after a compaction', async (t) => {
  const path = oldJournal(t)
  const rule = { revokedBefore: NOW, expiresAt: undefined }
  const first = await openUntilEnd(t, path)
  first.list.add({ kind: 'claims', claims: { tenant: 'acme', 'act.sub': 'bob' }, ...rule }, 'admin', NOW)
  await first.journal.flush()
  first.list.add({ kind: 'claims', claims: { device: 'd' }, iss: A, ...rule }, 'admin', NOW)
  first.list.add({ kind: 'issuer', iss: 'https://gone.example', ...rule }, 'admin', NOW)
  first.list.add({ kind: 'token', id: 'j', iss: A, expiresAt: undefined }, 'admin', NOW)
  await first.journal.flush()
  await first.journal.close()
  for (const when of ['after a restart', 'after another']) {
    const { journal, list, fingerprints } = await open(path)
    const by = (claims: Record<string, unknown>) =>
      list.find(identify({ kind: 'opaque', token: 'o' }, claims, fingerprints))?.by
    t.equal(by({ tenant: 'acme', act: { sub: 'bob' } }), 'claims', when)
    t.equal(by({ tenant: 'acme' }), undefined, when)
    t.equal(by({ iss: A, device: 'd' }), 'claims', when)
    t.equal(by({ iss: B, device: 'd' }), undefined, when)
    t.equal(by({ iss: 'https://gone.example' }), 'issuer', when)
    t.equal(by({ iss: A, jti: 'j' }), 'jti', when)
    t.equal(by({ iss: B, jti: 'j' }), undefined, when)
    await journal.close()
  }
})

t.test('a damaged block of claim sets costs no rule that was written later', async (t) => {
  const path = join(t.testdir(), 'journal')
  const rule = (device: string) => ({
    kind: 'claims' as const,
    claims: { device },
    revokedBefore: NOW,
    expiresAt: undefined,
  })
  const first = await open(path)
  for (const device of ['a', 'b']) {
    first.list.add(rule(device), 'admin', NOW)
    await first.journal.flush()
  }
  await first.journal.close()
  const bytes = readFileSync(path)
  const at = bytes.indexOf('"device"')
  t.ok(bytes.indexOf('"device"', at + 1) > at, 'it is there twice')
  bytes[at] = (bytes[at] ?? 0) ^ 1
  writeFileSync(path, bytes)
  const { journal, list, fingerprints } = await open(path)
  t.teardown(() => journal.close())
  t.equal(journal.damages.all.length, 1)
  for (const device of ['a', 'b'])
    t.match(list.find(identify({ kind: 'opaque', token: 'o' }, { device }, fingerprints)), { by: 'claims' }, device)
})
