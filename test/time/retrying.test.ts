import t from 'tap'
import { retrying } from '../../src/time/retrying.js'
import { FakeClock } from './fake-clock.js'

const limits = { first: 100, max: 1_000 }

/** Lets what has been promised go on, until the clock has a timer. */
async function untilPaused(clock: FakeClock): Promise<number> {
  while (clock.untilNext() === undefined) await new Promise(setImmediate)
  return clock.untilNext() ?? 0
}

t.test('tries again after each failure, later each time, and resolves to what the first success does', async (t) => {
  const clock = new FakeClock()
  const failures: unknown[] = []
  let attempts = 0
  const attempt = async () => {
    if (++attempts < 4) throw attempts
    return 'done'
  }
  const { signal } = new AbortController()
  const outcome = retrying(attempt, { limits, clock, signal, failed: (reason) => failures.push(reason) })
  for (const delay of [100, 200, 400]) {
    t.equal(await untilPaused(clock), delay)
    clock.advance(delay)
  }
  t.equal(await outcome, 'done')
  t.strictSame(failures, [1, 2, 3])
})

t.test('an attempt that worked, and fails then, is the first failure again', async (t) => {
  const clock = new FakeClock()
  const stop = new AbortController()
  let attempts = 0
  const attempt = async (worked: () => void) => {
    if (++attempts === 3) worked()
    throw new Error('failed')
  }
  const outcome = retrying(attempt, { limits, clock, signal: stop.signal, failed: () => undefined })
  for (const delay of [100, 200, 100, 200]) {
    t.equal(await untilPaused(clock), delay)
    clock.advance(delay)
  }
  await untilPaused(clock)
  stop.abort()
  t.equal(await outcome, undefined)
})

t.test('a signal ends the delay, and an attempt that fails because of it is no failure', async (t) => {
  const clock = new FakeClock()
  const stop = new AbortController()
  const failures: unknown[] = []
  const options = { limits, clock, signal: stop.signal, failed: (reason: unknown) => failures.push(reason) }
  const paused = retrying(() => Promise.reject(1), options)
  await untilPaused(clock)
  const working = retrying(async () => {
    await new Promise<void>((resolve) => stop.signal.addEventListener('abort', () => resolve()))
    throw 2
  }, options)
  stop.abort()
  t.strictSame(await Promise.all([paused, working]), [undefined, undefined])
  t.strictSame(failures, [1])
  t.equal(clock.untilNext(), undefined, 'no timer is left')
})
