import fc from 'fast-check'
import t from 'tap'
import { decodeEntries, type Entry } from '../../src/revocation/entry.js'
import { expiryInstant, NEVER, type RevocationRecord, revocable } from '../../src/revocation/record.js'
import { RevocationList } from '../../src/revocation/revocation-list.js'
import { Fingerprinter } from '../../src/token/fingerprint.js'
import { identify, type TokenIdentity } from '../../src/token/identity.js'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const NOW = Date.UTC(2024, 0, 10, 15)
const fingerprints = Fingerprinter.random()

function makeList(): RevocationList {
  return new RevocationList({ fingerprints, retention: 30 * DAY })
}

function token(claims: Record<string, unknown>): TokenIdentity {
  return identify({ kind: 'opaque', token: 'opaque' }, claims, fingerprints)
}

function revoke(id: string, expiresAt?: number): RevocationRecord {
  return { kind: 'token', id, expiresAt }
}

function base64url(text: string): string {
  return Buffer.from(text).toString('base64url')
}

/** Sweeps all that has expired. */
function sweepAll(list: RevocationList, now: number, retained = now): void {
  while (!list.sweep(now, 1_000, retained).finished);
}

function dump(list: RevocationList): Entry[] {
  const entries = [...list.export()].flatMap((block) => [...decodeEntries(block)])
  return entries.sort((a, b) => a.hi - b.hi || a.lo - b.lo)
}

t.test('a revoked token is found, with the id that matched, its source and when it was learnt', async (t) => {
  const list = makeList()
  t.equal(list.find(token({ jti: 'a' })), undefined)
  t.equal(list.add(revoke('a'), 'topic', NOW), 1)
  t.equal(list.add(revoke('a'), 'store', NOW + 5_000), 0, 'the second source says nothing new')
  t.strictSame(list.find(token({ jti: 'a' })), { by: 'jti', source: 'topic', learntAt: NOW })
  t.equal(list.find(token({ jti: 'b' })), undefined)
  list.add(revoke('opaque'), 'store', NOW)
  t.match(list.find(token({ jti: 'b' })), { by: 'token', source: 'store' })
})

t.test('an opaque token is refused in any letter case and padding, for as long as it is presented', async (t) => {
  const A = 'https://a.example'
  const list = makeList()
  list.add({ kind: 'token', id: 'AbC', expiresAt: NOW + HOUR }, 'topic', NOW)
  list.add({ kind: 'token', id: 'XyZ', iss: A, expiresAt: NOW + HOUR }, 'topic', NOW)
  const copy = makeList()
  for (const block of list.export()) copy.import(block, copy.sources.translation(list.sources.all))
  const spelt = (credential: string, claims = {}) =>
    identify({ kind: 'opaque', token: credential }, claims, fingerprints)
  const issued = { iss: A, exp: (NOW + 10 * HOUR) / 1000 }
  for (const each of [list, copy]) {
    for (const credential of ['AbC', 'abc', 'aBC='])
      t.match(each.find(spelt(credential)), { by: 'token', source: 'topic', learntAt: NOW }, credential)
    t.equal(each.find(spelt('abcd')), undefined)
    t.match(each.find(spelt('xyz=', issued)), { by: 'token', source: 'topic' })
    t.equal(each.find(spelt('xyz=', { iss: 'https://b.example' })), undefined)
    t.ok(each.touch(spelt('xyz=', issued), NOW), 'the token ends later than its source said')
    sweepAll(each, NOW + 2 * HOUR)
    t.match(each.find(spelt('xYz', issued)), { by: 'token' })
    t.equal(each.find(spelt('abc')), undefined)
  }
})

t.test('a rule revokes tokens issued before it, and tokens without iat', async (t) => {
  const list = makeList()
  const rules = [
    ['subject', { sub: 'x' }],
    ['client', { azp: 'x' }],
    ['client', { aud: ['y', 'x'] }],
    ['session', { sid: 'x' }],
  ] as const
  for (const kind of ['subject', 'client', 'session'] as const)
    list.add({ kind, id: 'x', revokedBefore: NOW, expiresAt: undefined }, 'admin', NOW)
  for (const [by, claims] of rules) {
    t.match(list.find(token({ ...claims, iat: NOW / 1000 - 1 })), { by, source: 'admin' })
    t.match(list.find(token(claims)), { by }, 'no iat')
    t.equal(list.find(token({ ...claims, iat: NOW / 1000 })), undefined, 'issued after it')
  }
  t.equal(list.find(token({ sub: 'y', jti: 'x', iat: 1 })), undefined)
  t.equal(list.add({ kind: 'subject', id: 'x', revokedBefore: NOW - 1, expiresAt: undefined }, 'admin', NOW), 0)
  t.equal(list.add({ kind: 'subject', id: 'x', revokedBefore: NOW + 1, expiresAt: undefined }, 'admin', NOW), 1)
  t.ok(list.find(token({ sub: 'x', iat: NOW / 1000 })))
})

t.test('a revoked token stays revoked until it would have expired, whatever is swept', async (t) => {
  const expiry = fc.option(fc.integer({ min: NOW + 1, max: NOW + 100 * DAY }), { nil: undefined })
  const moment = fc.integer({ min: 0, max: 100 * DAY })
  fc.assert(
    fc.property(expiry, moment, (expiresAt, later) => {
      const list = makeList()
      list.add(revoke('a', expiresAt), 'topic', NOW)
      const end = expiresAt === undefined ? NOW + 30 * DAY : expiresAt + 60_000
      while (!list.sweep(NOW + later, 5).finished);
      const found = list.find(token({ jti: 'a' })) !== undefined
      if (NOW + later < end) return found
      // Not for ever either: a day for what is renewed daily, a unit for what is rounded.
      return NOW + later < end + DAY + 64_000 || (!found && list.size.tokens === 0)
    }),
  )
  t.pass()
})

t.test('an expiry in the past is not believed', async (t) => {
  const list = makeList()
  list.add(revoke('a', NOW - 1), 'topic', NOW)
  sweepAll(list, NOW + 29 * DAY)
  t.ok(list.find(token({ jti: 'a' })))
})

t.test('an entry revokes until it is swept, whatever the clock says', async (t) => {
  const list = makeList()
  list.add(revoke('a', NOW + 1), 'topic', NOW)
  list.add({ kind: 'subject', id: 'ann', revokedBefore: NOW, expiresAt: NOW + 1 }, 'topic', NOW)
  t.equal(list.add(revoke('a', NOW + 1), 'topic', NOW + 400 * DAY), 1, 'it would be kept on')
  t.ok(list.find(token({ jti: 'a' })))
  t.ok(list.find(token({ sub: 'ann' })))
})

t.test('a known expiry is measured by the clock, retention by elapsed time', async (t) => {
  for (let hour = 0; hour < 48; hour++) {
    const list = makeList()
    list.add(revoke('unknown'), 'topic', NOW)
    // Among them is one that ends as a day does.
    const known = Math.ceil(NOW / DAY) * DAY + hour * 3_600_000 - 60_000
    list.add(revoke('known', known), 'topic', NOW)
    sweepAll(list, NOW + 400 * DAY, NOW)
    t.ok(list.find(token({ jti: 'unknown' })))
    t.notOk(list.find(token({ jti: 'known' })), `at ${hour} h`)
    list.add(revoke('known', known), 'topic', NOW)
    sweepAll(list, NOW, NOW + 400 * DAY)
    t.notOk(list.find(token({ jti: 'unknown' })))
    t.ok(list.find(token({ jti: 'known' })))
  }
})

t.test('retention starts at the time it is counted by, when an entry is learnt', async (t) => {
  let retained = NOW
  const list = new RevocationList({
    fingerprints,
    retention: 36 * 3_600_000,
    retained: () => retained,
  })
  list.add(revoke('a'), 'topic', NOW - 40 * DAY)
  sweepAll(list, NOW + DAY, NOW + DAY)
  t.ok(list.find(token({ jti: 'a' })))
  sweepAll(list, NOW + 3 * DAY, NOW + 3 * DAY)
  t.notOk(list.find(token({ jti: 'a' })))
  retained = NOW + 3 * DAY
  list.add(revoke('a'), 'topic', NOW - 40 * DAY)
  sweepAll(list, NOW + 4 * DAY, NOW + 4 * DAY)
  t.ok(list.find(token({ jti: 'a' })))
})

t.test('an expiry beyond what an entry can hold never expires', async (t) => {
  const list = makeList()
  list.add(revoke('a', Date.UTC(2500, 0)), 'topic', NOW)
  sweepAll(list, Date.UTC(2400, 0))
  t.ok(list.find(token({ jti: 'a' })))
})

t.test('the revocation of a token that never ends is never forgotten, whatever names it', async (t) => {
  const never = 9_223_372_036_854_775_807n
  const jwt = `${base64url('{"alg":"RS256"}')}.${base64url(`{"jti":"a","exp":${never}}`)}.${'A'.repeat(86)}`
  const record = revocable(jwt, NOW)?.record
  t.match(record, { id: 'a', expiresAt: NEVER })
  t.equal(expiryInstant(never, NOW), NEVER, 'told by a source')
  t.equal(expiryInstant(Number.POSITIVE_INFINITY, NOW), undefined, 'which is no number of a source')
  const list = makeList()
  if (record !== undefined) list.add(record, 'gateway', NOW)
  const other = makeList()
  for (const block of list.export()) other.import(block)
  for (const each of [list, other]) {
    sweepAll(each, Date.UTC(2400, 0))
    t.ok(each.find(token({ jti: 'a' })))
  }
})

t.test('an unchanged listing changes nothing; on another day it renews entries without expiry', async (t) => {
  const list = makeList()
  list.add(revoke('a'), 'store', NOW)
  list.add(revoke('b', NOW + DAY), 'store', NOW)
  const changes: Entry[] = []
  list.onChange((entry) => changes.push(entry))
  for (const record of [revoke('a'), revoke('b', NOW + DAY), revoke('a')]) list.add(record, 'store', NOW + 3_600_000)
  t.equal(changes.length, 0)
  list.add(revoke('a'), 'store', NOW + DAY)
  t.equal(changes.length, 1)
  t.equal((changes[0]?.keptUntil ?? 0) >= NOW + 31 * DAY, true)
  t.equal(changes[0]?.learntAt, NOW, 'it was learnt when it was learnt')
})

t.test('a refused request renews the entry that refused it', async (t) => {
  const list = makeList()
  list.add(revoke('a'), 'topic', NOW)
  t.equal(list.touch(token({ jti: 'a' }), NOW), false, 'not twice a day')
  t.equal(list.touch(token({ jti: 'a' }), NOW + 20 * DAY), true)
  sweepAll(list, NOW + 49 * DAY)
  t.ok(list.find(token({ jti: 'a' })))
  list.add(revoke('b'), 'topic', NOW)
  list.add({ kind: 'subject', id: 'ann', revokedBefore: NOW, expiresAt: undefined }, 'topic', NOW)
  const exp = (NOW + 90 * DAY) / 1000
  t.equal(list.touch(token({ jti: 'b', exp }), NOW), true, 'a token that says when it ends')
  t.equal(list.touch(token({ jti: 'b', exp }), NOW + 20 * DAY), false)
  t.equal(list.touch(token({ sub: 'ann', exp }), NOW), true, 'a rule')
  sweepAll(list, exp * 1000 + 59_000)
  t.ok(list.find(token({ jti: 'b', exp })))
  t.ok(list.find(token({ sub: 'ann', exp })))
  t.equal(list.touch(token({ jti: 'nobody' }), NOW), false)
})

t.test('records in any order and repetition make the same list', async () => {
  const int = fc.integer({ min: -3, max: 3 })
  const common = {
    hi: int,
    lo: int,
    keptUntil: fc.integer({ min: 1, max: 4 }).map((n) => n * 64_000),
    learntAt: fc.integer({ min: 0, max: 4 }).map((n) => n * 1_000),
    source: fc.integer({ min: 0, max: 4 }),
  }
  const entry = fc.oneof(
    fc.record({ kind: fc.constant('token' as const), ...common }),
    fc.record({ kind: fc.constant('rule' as const), ...common, revokedBefore: fc.nat(5) }),
  )
  const orders = fc
    .array(entry, { maxLength: 60 })
    .chain((all) =>
      fc.tuple(
        fc.constant(all),
        fc.shuffledSubarray(all, { minLength: all.length }),
        fc.shuffledSubarray(all),
        fc.nat(all.length),
      ),
    )
  fc.assert(
    fc.property(orders, ([all, shuffled, again, cut]) => {
      const one = makeList()
      for (const entry of all) one.addEntry(entry)
      const other = makeList()
      for (const entry of shuffled.slice(0, cut)) other.addEntry(entry)
      for (const block of half(again)) other.import(block)
      for (const entry of [...shuffled.slice(cut), ...again]) other.addEntry(entry)
      return JSON.stringify(dump(one)) === JSON.stringify(dump(other))
    }),
  )
  function half(entries: Entry[]) {
    const list = makeList()
    for (const entry of entries) list.addEntry(entry)
    return list.export()
  }
})

t.test('fifty thousand tokens survive export and import; listeners hear only what is new', async (t) => {
  const list = makeList()
  for (let i = 0; i < 50_000; i++)
    list.add(revoke(`jti-${i}`, NOW + DAY * (1 + (i % 2))), i % 3 ? 'topic' : 'store', NOW)
  const replica = makeList()
  replica.sources.index('its own')
  let heard = 0
  replica.onChange(() => heard++)
  const translation = replica.sources.translation(list.sources.all)
  let changed = 0
  let longest = 0
  for (const block of list.export()) {
    changed += replica.import(block, translation)
    longest = Math.max(longest, block.bytes.length)
  }
  t.equal(changed, 50_000)
  t.equal(heard, 0)
  t.ok(longest <= 65_536)
  let found = 0
  for (let i = 0; i < 50_000; i++) {
    const revocation = replica.find(token({ jti: `jti-${i}` }))
    if (revocation?.source === (i % 3 ? 'topic' : 'store')) found++
  }
  t.equal(found, 50_000)
  for (const block of list.export()) changed += replica.import(block, translation)
  t.equal(changed, 50_000, 'what is known already changes nothing')
})

t.test('a sweep stops when its budget is spent and continues from there', async (t) => {
  const list = makeList()
  for (let i = 0; i < 20_000; i++) list.add(revoke(`jti-${i}`, NOW + 1000), 'topic', NOW)
  const full = list.bytes
  let calls = 0
  let removed = 0
  for (let finished = false; !finished; calls++) {
    const step = list.sweep(NOW + DAY, 0)
    removed += step.removed
    finished = step.finished
  }
  t.equal(removed, 20_000)
  t.ok(calls > 1000, 'a segment at a time')
  t.strictSame(list.size, { tokens: 0, rules: 0 })
  t.ok(list.bytes < full / 10)
})

t.test('a removed listener is not called', async (t) => {
  const list = makeList()
  let heard = 0
  const off = list.onChange(() => heard++)
  list.add(revoke('a'), 'topic', NOW)
  off()
  list.add(revoke('b'), 'topic', NOW)
  t.equal(heard, 1)
})

t.test('sources beyond what an entry can number count as one', async (t) => {
  const list = makeList()
  for (let i = 0; i < 100; i++) list.add(revoke(`jti-${i}`), `source ${i}`, NOW)
  t.match(list.find(token({ jti: 'jti-5' })), { source: 'source 5' })
  t.match(list.find(token({ jti: 'jti-99' })), { source: 'other' })
})
