import fc from 'fast-check'
import t from 'tap'
import { RollingWindow } from '../../../src/proxy/endpoints/rolling-window.js'

t.test('a window counts what its buckets have seen, at whatever times', async (t) => {
  const request = fc.record({ after: fc.nat({ max: 300 }), hasFailed: fc.boolean() })
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 40 }),
      fc.array(request, { maxLength: 60 }),
      (buckets, bucketSize, requests) => {
        const window = new RollingWindow(buckets * bucketSize, bucketSize)
        const seen: { bucket: number; hasFailed: boolean }[] = []
        let now = 0
        for (const { after, hasFailed } of requests) {
          now += after
          const newest = Math.floor(now / bucketSize)
          seen.push({ bucket: newest, hasFailed })
          const held = seen.filter(({ bucket }) => bucket > newest - buckets)
          const failures = held.filter((one) => one.hasFailed).length
          t.strictSame({ ...window.count(now, hasFailed) }, { requests: held.length, failures })
        }
      },
    ),
    { numRuns: 200 },
  )
})

t.test('a window whose size is no multiple of its buckets holds a whole bucket more', async (t) => {
  const window = new RollingWindow(25, 10)
  for (const now of [0, 10, 29]) window.count(now, true)
  t.match(window.count(29, false), { requests: 4, failures: 3 })
  t.match(window.count(30, false), { requests: 4, failures: 2 })
  window.clear()
  t.match(window.count(31, false), { requests: 1, failures: 0 })
})
