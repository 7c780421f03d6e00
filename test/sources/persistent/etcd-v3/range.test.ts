import fc from 'fast-check'
import t from 'tap'
import {
  type KeyValue,
  type ReadPage,
  readRange,
  siblingEnd,
} from '../../../../src/sources/persistent/etcd-v3/range.js'

const START = Buffer.from('jti/')
const END = Buffer.from('jti0')

t.test('each key comes once and in order, whatever the keys are', async () => {
  const anyKey = fc.uint8Array({ maxLength: 6 }).map((bytes) => Buffer.from(bytes))
  const fewBytes = fc
    .array(fc.constantFrom(0, 1, 0x61, 0xfe, 0xff), { maxLength: 5 })
    .map((bytes) => Buffer.from(bytes))
  const alike = fc.nat({ max: 5_000 }).map((n) => Buffer.from(`00000000-0000-4000-8000-${String(n).padStart(12, '0')}`))
  const keys = fc.oneof(
    fc.array(anyKey, { maxLength: 2_000 }),
    fc.array(fewBytes, { maxLength: 2_000 }),
    fc.array(alike, { minLength: 500, maxLength: 2_000 }),
  )
  await fc.assert(
    fc.asyncProperty(keys, async (suffixes) => {
      const sorted = store(suffixes.map((suffix) => Buffer.concat([START, suffix])))
      const found: Buffer[] = []
      for await (const page of readRange(START, END, pagesOf(sorted).read)) found.push(...page.map(({ key }) => key))
      return found.length === sorted.length && found.every((key, n) => key.equals(sorted[n] ?? END))
    }),
    { numRuns: 60 },
  )
})

t.test('etcd counts each key a few times, not once for each page', async (t) => {
  const count = 200_000
  const digits = (n: number) => String(n).padStart(12, '0')
  const spread = (n: number) => Math.imul(n, 0x9e3779b1) >>> 0
  const cases: Record<string, (n: number) => string> = {
    'random hexadecimal ids': (n) => `${spread(n).toString(16).padStart(8, '0')}-ad5672a-4387`,
    'ids that count up, with a long beginning in common': (n) => `00000000-0000-4000-8000-${digits(n)}`,
    'random ids of 64 characters': (n) => Buffer.from(`${spread(n)} ${n}`).toString('base64url'),
    'two kinds of ids': (n) => (n % 2 === 0 ? `token-${digits(n)}` : spread(n).toString(16).padStart(8, '0')),
  }
  for (const [title, id] of Object.entries(cases)) {
    const keys = store(Array.from({ length: count }, (_, n) => Buffer.from(`jti/${id(n)}`)))
    const { read, counted, pages } = pagesOf(keys)
    let found = 0
    for await (const page of readRange(START, END, read)) found += page.length
    t.equal(found, keys.length, title)
    t.comment(`${title}: ${pages()} pages, each key counted ${(counted() / count).toFixed(1)} times`)
    t.ok(counted() < 25 * count, `${title}: counting stays linear`)
    t.ok(pages() < count / 100, `${title}: pages stay full`)
  }
})

t.test('keys that were not asked for are an error, not a loop', async (t) => {
  const read: ReadPage = async () => ({
    keys: [{ key: Buffer.from('a'), value: Buffer.alloc(0), mod_revision: '1' }],
    more: true,
    count: 9,
  })
  await t.rejects(
    async () => {
      for await (const _ of readRange(START, END, read));
    },
    { code: 'ERR_STORE_ANSWER' },
  )
})

t.test('the end of the keys that share a beginning', async (t) => {
  const last = Buffer.of(0xff, 0xff)
  t.strictSame(siblingEnd(Buffer.from('jti/abc'), 5, last), Buffer.from('jti/b'))
  t.strictSame(siblingEnd(Buffer.of(1, 0xff, 7), 2, last), Buffer.of(2))
  t.strictSame(siblingEnd(Buffer.of(0xff, 0xff, 0xff), 2, last), last)
  t.strictSame(siblingEnd(Buffer.from('jti/z'), 4, END), END)
})

function store(keys: Buffer[]): Buffer[] {
  const sorted = keys.sort((a, b) => a.compare(b))
  return sorted.filter((key, n) => n === 0 || !key.equals(sorted[n - 1] ?? END))
}

/** Answers as etcd does, and counts as etcd does. */
function pagesOf(sorted: readonly Buffer[]): { read: ReadPage; counted(): number; pages(): number } {
  let counted = 0
  let pages = 0
  const firstFrom = (bound: Buffer) => {
    let [low, high] = [0, sorted.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((sorted[middle]?.compare(bound) ?? 0) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
  const read: ReadPage = async (start, end, limit) => {
    const [from, to] = [firstFrom(start), firstFrom(end)]
    const keys: KeyValue[] = sorted
      .slice(from, Math.min(to, from + limit))
      .map((key) => ({ key, value: Buffer.alloc(0), mod_revision: '1' }))
    counted += to - from
    pages++
    return { keys, more: to - from > limit, count: to - from }
  }
  return { read, counted: () => counted, pages: () => pages }
}
