import fc from 'fast-check'
import t from 'tap'
import { packKept } from '../../src/revocation/entry.js'
import { Segment } from '../../src/revocation/segment.js'

const WIDTH = 4

interface Model {
  readonly segment: Segment
  readonly entries: Map<string, { hi: number; lo: number; units: number }>
}

function put({ segment, entries }: Model, hi: number, lo: number, units: number): void {
  const at = segment.place(hi, lo)
  segment.words[at + 2] = packKept(units * 64_000, 0)
  segment.words[at + 3] = units
  entries.set(`${hi} ${lo}`, { hi, lo, units })
}

function sweep({ segment, entries }: Model, unit: number): number {
  for (const [key, { units }] of entries) if (units <= unit) entries.delete(key)
  return segment.removeExpired({ unit, retainedUnit: unit })
}

function agrees({ segment, entries }: Model): boolean {
  if (segment.count !== entries.size || segment.pack().length !== entries.size * WIDTH) return false
  return [...entries.values()].every(({ hi, lo, units }) => {
    const at = segment.find(hi, lo)
    return at >= 0 && segment.words[at + 3] === units
  })
}

/** Fingerprints that crowd: in the same slots, at both ends, with equal halves. */
const half = fc.oneof(
  fc.integer(),
  fc.integer({ min: -5, max: 5 }),
  fc.constantFrom(0x7fffffff, -0x80000000, -1, -2, 0),
)
const SWEEP = fc.tuple(fc.constant('sweep' as const), fc.constant(0), fc.integer({ min: 0, max: 120 }))
const EXPORT = fc.tuple(fc.constant('export' as const), fc.constant(0), fc.constant(0))
const action = fc.oneof(
  { weight: 40, arbitrary: fc.tuple(half, half, fc.integer({ min: 1, max: 100 })) },
  { weight: 2, arbitrary: SWEEP },
  { weight: 1, arbitrary: EXPORT },
)

t.test('holds what a Map would, through growth and sweeps, and exports it at any time', async () => {
  fc.assert(
    fc.property(
      fc.array(action, { maxLength: 400, size: 'max' }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (actions, phase) => {
        const model: Model = { segment: new Segment(WIDTH, phase), entries: new Map() }
        for (const [hi, lo, units] of actions) {
          if (hi === 'sweep') sweep(model, units)
          else if (hi === 'export') {
            if (!agrees({ segment: copyOf(model.segment), entries: model.entries })) return false
          } else put(model, hi, lo, units)
        }
        return agrees(model) && isInOrder(model.segment)
      },
    ),
    { numRuns: 300 },
  )
})

t.test('a hundred thousand entries: all found, no other found, half swept', async (t) => {
  const model: Model = { segment: new Segment(WIDTH, 0.3), entries: new Map() }
  const random = randomInts(42)
  for (let i = 0; i < 100_000; i++) put(model, random(), random(), 1 + (i % 2))
  t.ok(agrees(model))
  let found = 0
  for (let i = 0; i < 100_000; i++) if (model.segment.find(random(), random()) >= 0) found++
  t.equal(found, 0)
  const full = model.segment.words.byteLength
  t.equal(sweep(model, 1), 50_000)
  t.ok(agrees(model))
  t.ok(model.segment.words.byteLength < full * 0.7, 'gives memory back')
  t.equal(sweep(model, 2), 50_000)
  t.ok(model.segment.words.length < 8, 'all of it in the end')
  put(model, 1, 2, 3)
  t.ok(agrees(model), 'and starts over')
})

t.test('packed entries are spread: inserting them into another segment displaces none far', async (t) => {
  const model: Model = { segment: new Segment(WIDTH, 0.3), entries: new Map() }
  const random = randomInts(7)
  for (let i = 0; i < 20_000; i++) put(model, random(), random(), 1)
  const packed = model.segment.pack()
  const copy: Model = { segment: new Segment(WIDTH, 0.3), entries: new Map() }
  let furthest = 0
  for (let i = 0; i < packed.length; i += WIDTH) {
    const [hi = 0, lo = 0] = packed.subarray(i)
    put(copy, hi, lo, 1)
    const slots = copy.segment.words.length / WIDTH
    const at = copy.segment.find(hi, lo) / WIDTH
    furthest = Math.max(furthest, at - Math.floor((hi * slots) / 2 ** 32))
  }
  t.ok(agrees({ segment: copy.segment, entries: model.entries }))
  t.ok(furthest < 200, `${furthest} slots from where it belongs`)
})

t.test('fingerprints that all belong at the very end make the segment grow, not fail', async (t) => {
  const model: Model = { segment: new Segment(WIDTH, 0), entries: new Map() }
  for (let i = 0; i < 500; i++) put(model, -1, i, 1)
  t.ok(agrees(model))
})

/** What was exported, put into another segment. */
function copyOf(segment: Segment): Segment {
  const copy = new Segment(WIDTH, 0.5)
  const packed = segment.pack()
  for (let i = 0; i < packed.length; i += WIDTH) {
    const [hi = 0, lo = 0, kept = 0, units = 0] = packed.subarray(i, i + WIDTH)
    const at = copy.place(hi, lo)
    copy.words[at + 2] = kept
    copy.words[at + 3] = units
  }
  return copy
}

/** Fingerprints ascend, and the last slot, which ends every search, is empty. */
function isInOrder({ words }: Segment): boolean {
  let [high, low] = [-1, -1]
  for (let at = 0; at < words.length; at += WIDTH) {
    const [hi = 0, lo = 0, kept = 0] = words.subarray(at, at + WIDTH)
    if (kept === 0) continue
    if (hi < high || (hi === high && lo <= low)) return false
    high = hi
    low = lo
  }
  return words[words.length - WIDTH + 2] === 0 || words.length < 2 * WIDTH
}

/** A small generator of 32-bit numbers (xorshift), so that runs are alike. */
function randomInts(seed: number): () => number {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state
  }
}
