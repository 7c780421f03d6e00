import fc from 'fast-check'
import t from 'tap'
import { Fingerprinter, type FingerprintKind } from '../../src/token/fingerprint.js'

const SEED = Buffer.from('0102030405060708', 'hex')
const KINDS: readonly FingerprintKind[] = ['token', 'subject', 'client', 'session']

t.test('a seed gives an id the same fingerprint in any process', async (t) => {
  // Part of the journal's format: these numbers must never change.
  const fingerprints = new Fingerprinter(SEED)
  t.strictSame(
    KINDS.map((kind) => fingerprints.of(kind, '2f7c1a52-6a51-4a31-9d0e-3a0d3c1b7f55')),
    [
      { hi: 1501575444, lo: 1714515540 },
      { hi: -121458039, lo: 188612256 },
      { hi: -1057561824, lo: 520349377 },
      { hi: 2091903614, lo: -751556591 },
    ],
  )
})

t.test('another seed or kind gives another fingerprint', async (t) => {
  const one = Fingerprinter.random()
  const other = Fingerprinter.random()
  t.notSame(one.of('token', 'id'), other.of('token', 'id'))
  const names = KINDS.map((kind) => one.of(kind, 'id'))
  t.equal(new Set(names.map(({ hi, lo }) => `${hi} ${lo}`)).size, KINDS.length)
  t.strictSame(new Fingerprinter(one.seed).of('token', 'id'), one.of('token', 'id'))
})

t.test('ids that differ in one bit have fingerprints that differ in about half of their bits', async (t) => {
  const fingerprints = Fingerprinter.random()
  let flipped = 0
  const runs = 500
  for (let i = 0; i < runs; i++) {
    const a = fingerprints.of('token', `jti-${i * 2}`)
    const b = fingerprints.of('token', `jti-${i * 2 + 1}`)
    flipped += ones(a.hi ^ b.hi) + ones(a.lo ^ b.lo)
  }
  t.ok(Math.abs(flipped / runs - 32) < 1, `${flipped / runs} of 64 bits`)
})

t.test('every text has a fingerprint of two signed 32-bit numbers', async () => {
  const fingerprints = Fingerprinter.random()
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 600 }), (id) => {
      const { hi, lo } = fingerprints.of('token', id)
      return hi === (hi | 0) && lo === (lo | 0)
    }),
  )
})

t.test('a seed of the wrong length throws TypeError', async (t) => {
  t.throws(() => new Fingerprinter(Buffer.alloc(7)), { name: 'TypeError' })
})

function ones(bits: number): number {
  let count = 0
  for (let rest = bits >>> 0; rest !== 0; rest >>>= 1) count += rest & 1
  return count
}
