import fc from 'fast-check'
import t from 'tap'
import { decodeEntries, type Entry, encodeEntries, KEPT_UNIT } from '../../src/revocation/entry.js'

const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const common = {
  hi: int32,
  lo: int32,
  keptUntil: fc.integer({ min: 1, max: 4e12 }),
  learntAt: fc.integer({ min: 0, max: 4e12 }),
  source: fc.integer({ min: 0, max: 63 }),
}

t.test('an entry is read as it was written, kept no shorter than written', async () => {
  const entry = fc.oneof(
    fc.record({ kind: fc.constantFrom('token' as const, 'issuerToken' as const, 'foldedToken' as const), ...common }),
    fc.record({ kind: fc.constant('rule' as const), ...common, revokedBefore: fc.maxSafeNat() }),
  )
  fc.assert(
    fc.property(fc.array(entry), (entries: Entry[]) => {
      for (const kind of ['token', 'issuerToken', 'foldedToken', 'rule'] as const) {
        const written = entries.filter((one) => one.kind === kind)
        const block = encodeEntries(kind, written)
        // As the journal and other processes hand it over: anywhere in memory.
        const moved = Buffer.concat([Buffer.alloc(1), block.bytes]).subarray(1)
        const read = [...decodeEntries({ kind, bytes: moved })]
        if (read.length !== written.length || !read.every((one, i) => isSame(one, written[i] as Entry))) return false
      }
      return true
    }),
  )
})

t.test('the binary form is the documented one', async (t) => {
  const entry = { kind: 'rule', hi: 1, lo: -2, keptUntil: KEPT_UNIT * 2, learntAt: 3000, source: 5 } as const
  const { bytes } = encodeEntries('rule', [{ ...entry, revokedBefore: 2 ** 32 + 7 }])
  t.equal(Buffer.from(bytes).toString('hex'), '01000000feffffff85000000030000000100000007000000')
})

t.test('times out of range are clamped', async (t) => {
  const entry = { kind: 'rule', hi: 1, lo: 2, keptUntil: Infinity, learntAt: -5, source: 0 } as const
  const moments = [Number.NaN, -1, Infinity].map((revokedBefore) => ({ ...entry, revokedBefore }))
  const read = [...decodeEntries(encodeEntries('rule', moments))]
  t.match(read, [{ revokedBefore: 0 }, { revokedBefore: 0 }, { revokedBefore: Number.MAX_SAFE_INTEGER }])
  t.match(read[0], { learntAt: 0 })
  t.ok((read[0]?.keptUntil ?? 0) > Date.UTC(2100, 0))
})

function isSame(read: Entry, written: Entry): boolean {
  const late = read.keptUntil - written.keptUntil
  return (
    read.hi === written.hi &&
    read.lo === written.lo &&
    read.source === written.source &&
    late >= 0 &&
    late < KEPT_UNIT &&
    read.learntAt === Math.floor(written.learntAt / 1000) * 1000 &&
    (!('revokedBefore' in read) || ('revokedBefore' in written && read.revokedBefore === written.revokedBefore))
  )
}
