import fc from 'fast-check'
import { test } from 'tap'
import { DEFAULT_RETRY_TIMING, RetrySchedule } from '../../src/time/retry-schedule.js'

/** Times are sums of fractions of milliseconds. */
const ROUNDING = 1e-6
const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })

test('the first attempt is made at once, at the first broker', async (t) => {
  t.same(new RetrySchedule(3, DEFAULT_RETRY_TIMING, () => 0).next(50), { index: 0, at: 50 })
})

test('waits double from 100 ms to 5 s', async (t) => {
  const schedule = new RetrySchedule(1, DEFAULT_RETRY_TIMING, () => 0)
  let now = 0
  const waits: number[] = []
  for (let i = 0; i < 12; i++) {
    const { at } = schedule.next(now)
    waits.push(at - now)
    now = at
    schedule.failed(0, now, false)
  }
  t.same(waits, [0, 100, 200, 400, 800, 1600, 2500, 2500, 2500, 2500, 2500, 2500])
})

test('any wait of any history lies between 100 ms and 5 s, or is the slow one', async (t) => {
  const step = fc.record({ lost: fc.boolean(), livedFor: fc.nat(100_000), slow: fc.boolean(), r: unit })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), fc.array(step, { maxLength: 40 }), (brokers, steps) => {
      let r = 0
      const schedule = new RetrySchedule(brokers, DEFAULT_RETRY_TIMING, () => r)
      let now = 0
      let first = true
      for (const each of steps) {
        const { index, at } = schedule.next(now)
        const wait = at - now
        if (!first && wait < DEFAULT_RETRY_TIMING.base - ROUNDING) return false
        if (wait > DEFAULT_RETRY_TIMING.slow + ROUNDING) return false
        first = false
        r = each.r
        now = at + (each.lost ? each.livedFor : 0)
        if (each.lost) schedule.lost(index, now, each.livedFor, each.slow)
        else schedule.failed(index, now, each.slow)
      }
      return true
    }),
  )
  t.pass('held')
})

test('a broker that refuses does not delay the others', async (t) => {
  const schedule = new RetrySchedule(2, DEFAULT_RETRY_TIMING, () => 0)
  const tried = [0, 0]
  let now = 0
  while (now < 25_000) {
    const { index, at } = schedule.next(now)
    now = at
    tried[index] = (tried[index] ?? 0) + 1
    schedule.failed(index, now, index === 0)
  }
  t.equal(tried[0], 1)
  t.ok((tried[1] ?? 0) > 5)
})

test('brokers are tried in turn', async (t) => {
  const schedule = new RetrySchedule(3, DEFAULT_RETRY_TIMING, () => 0.5)
  const order: number[] = []
  let now = 0
  for (let i = 0; i < 9; i++) {
    const { index, at } = schedule.next(now)
    order.push(index)
    now = at
    schedule.failed(index, now, false)
  }
  t.same(order, [0, 1, 2, 0, 1, 2, 0, 1, 2])
})

test('a long-lived connection resets the failures, a short one does not', async (t) => {
  const after = (livedFor: number) => {
    const schedule = new RetrySchedule(1, DEFAULT_RETRY_TIMING, () => 0)
    for (let i = 0; i < 5; i++) schedule.failed(0, 0, false)
    schedule.lost(0, 0, livedFor, false)
    return schedule.next(0).at
  }
  t.equal(after(30_000), 100)
  t.equal(after(29_999), 2500)
})

test('no brokers and invalid timing throw RangeError', async (t) => {
  t.throws(() => new RetrySchedule(0, DEFAULT_RETRY_TIMING, () => 0), RangeError)
  t.throws(() => new RetrySchedule(1, { ...DEFAULT_RETRY_TIMING, base: 0 }, () => 0), RangeError)
})
