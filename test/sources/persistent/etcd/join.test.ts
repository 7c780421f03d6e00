import fc from 'fast-check'
import t from 'tap'
import type { RevocationRecord } from '../../../../src/revocation/record.js'
import { LATEST_USE } from '../../../../src/revocation/retention.js'
import { type Existing, joined, TTL_TOLERANCE } from '../../../../src/sources/persistent/etcd/join.js'
import { AS_WRITTEN, readRecord, readToken, writeRecord } from '../../../../src/sources/persistent/etcd/records.js'

const NOW = Date.UTC(2026, 0, 1)
const HOUR = 3_600_000
const RETENTION = 30 * 24 * HOUR
const TOLERANCE = TTL_TOLERANCE * 1_000

/** A key of a store: what it says, and until when it is there. */
interface Key {
  readonly value: string
  readonly until: number
}

/** A record, when it was told, and until when it revokes if nothing else is told: its end, or else `retention`. */
interface Told {
  readonly record: RevocationRecord
  readonly at: number
  readonly until: number
}

const after = fc.oneof(fc.integer({ min: 0, max: 2 * HOUR }), fc.integer({ min: 0, max: 2 * RETENTION }))
// Around what retention and leases are long for, where one end is about to outlast the other.
const life = fc.oneof(
  fc.integer({ min: -HOUR, max: 3 * HOUR }),
  fc.integer({ min: RETENTION - 3 * HOUR, max: RETENTION + 3 * HOUR }),
  fc.integer({ min: 0, max: 3 * RETENTION }),
)
const telling = fc.record({
  after,
  revokedBefore: fc.integer({ min: 1, max: 5 }).map((day) => NOW + day * HOUR),
  life: fc.option(life, { nil: undefined }),
  times: fc.integer({ min: 1, max: 2 }),
})

t.test("a rule's key revokes what was told, in any order and repeated, and for as long as each", async () =>
  revokesAll('subject'),
)

t.test("a token's key does so, too", async () => revokesAll('token'))

t.test('what a key says already is not written again, and a day later it is kept for longer', async (t) => {
  const record: RevocationRecord = { kind: 'token', id: 'x', expiresAt: undefined }
  const first = joined(undefined, record, NOW, RETENTION)
  const existing = (hours: number): Existing => ({ record, left: (first?.ttl ?? 0) - hours * 3_600 })
  t.equal(joined(existing(0), record, NOW, RETENTION), undefined)
  t.equal(joined(existing(20), record, NOW + 20 * HOUR, RETENTION), undefined)
  t.match(joined(existing(25), record, NOW + 25 * HOUR, RETENTION), { ttl: first?.ttl, isKept: false })
})

t.test('a part of a millisecond is not lost, and does not ask for another write', async (t) => {
  const record: RevocationRecord = { kind: 'subject', id: 'x', revokedBefore: NOW + 0.25, expiresAt: undefined }
  const { rest, value } = writeRecord(record)
  const said = readRecord(rest, value, NOW)
  t.match(said, { revokedBefore: NOW + 1 })
  t.equal(joined({ record: said, left: 2 * RETENTION }, record, NOW, RETENTION), undefined)
})

t.test('a key that is kept for ever stays so, and says the later moments', async (t) => {
  const said: RevocationRecord = { kind: 'subject', id: 'x', revokedBefore: NOW, expiresAt: NOW + HOUR }
  const record = { ...said, revokedBefore: NOW + 1, expiresAt: undefined }
  const left = Number.POSITIVE_INFINITY
  t.strictSame(joined({ record: said, left }, record, NOW, RETENTION), {
    record,
    ttl: left,
    needed: RETENTION / 1_000,
    isKept: true,
  })
})

t.test('an end beyond what a lease can last is kept for ever', async (t) => {
  const record: RevocationRecord = { kind: 'token', id: 'x', expiresAt: Date.UTC(9999, 0) }
  t.match(joined(undefined, record, NOW, RETENTION), { ttl: Number.POSITIVE_INFINITY })
})

function revokesAll(kind: 'token' | 'subject'): void {
  fc.assert(
    fc.property(fc.array(telling, { minLength: 1, maxLength: 8 }), fc.array(after, { maxLength: 5 }), (all, later) => {
      const told: Told[] = []
      let now = NOW
      let key: Key | undefined
      for (const each of all) {
        now += each.after
        const expiresAt = each.life === undefined ? undefined : now + each.life
        const times = { revokedBefore: each.revokedBefore, expiresAt }
        const record = { kind, id: 'x', ...(kind === 'token' ? { expiresAt } : times) } as RevocationRecord
        for (let n = 0; n < each.times; n++) key = put(key, record, now)
        const isOver = expiresAt === undefined || expiresAt + LATEST_USE <= now
        told.push({ record, at: now, until: isOver ? now + RETENTION : expiresAt })
        holds(key, told, now)
      }
      const last = now
      for (const each of later) holds(key, told, last + each)
      for (const { until } of told)
        for (const at of [until - 1, until - TOLERANCE - 1]) if (at > last) holds(key, told, at)
    }),
    { numRuns: 2_000 },
  )
}

function put(key: Key | undefined, record: RevocationRecord, now: number): Key {
  const isThere = key !== undefined && key.until > now
  const left = isThere ? Math.floor((key.until - now) / 1_000) : 0
  const all = joined(isThere ? { record: readKey(key, AS_WRITTEN), left } : undefined, record, now, RETENTION)
  if (all === undefined) {
    if (key === undefined) throw new Error('nothing was written')
    return key
  }
  const until = all.isKept && isThere ? key.until : now + all.ttl * 1_000
  return { value: writeRecord(all.record).value, until }
}

/** A gateway that starts at `now` refuses what was told, and for as long. */
function holds(key: Key | undefined, told: readonly Told[], now: number): void {
  for (const { record, until } of told) {
    if (until - TOLERANCE <= now) continue
    if (key === undefined || key.until <= now) throw new Error('the key is gone')
    const read = readKey(key, now)
    const keptUntil = read?.expiresAt ?? now + RETENTION
    if (keptUntil < until) throw new Error(`kept until ${keptUntil}, not ${until}`)
    if (record.kind === 'token' || read === undefined || read.kind === 'token') continue
    if (read.revokedBefore < record.revokedBefore) throw new Error('revokes less')
  }
}

function readKey({ value }: Key, now: number): RevocationRecord | undefined {
  return value.includes('revokedBefore') ? readRecord('subject/x', value, now) : readToken('x', value, now)
}
