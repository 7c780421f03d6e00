import t from 'tap'
import { KnownStatus } from '../../src/time/known-status.js'
import { FakeClock } from './fake-clock.js'

function setUp() {
  const clock = new FakeClock()
  let until = 0
  const status = new KnownStatus(() => until - clock.elapsed(), clock)
  const heard: number[] = []
  status.onUnknown(() => heard.push(clock.elapsed()))
  return {
    clock,
    status,
    heard,
    knownFor(ms: number) {
      until = clock.elapsed() + ms
    },
  }
}

t.test('listeners are told once, by a timer, when the list stops being known', async (t) => {
  const { clock, status, heard, knownFor } = setUp()
  t.notOk(status.isKnown)
  clock.advance(10_000)
  t.strictSame(heard, [], 'it never was')
  knownFor(5_000)
  t.ok(status.isKnown)
  clock.advance(4_000)
  knownFor(5_000)
  clock.advance(4_999)
  t.strictSame(heard, [], 'it was renewed meanwhile')
  const end = clock.elapsed() + 1
  clock.advance(60_000)
  t.notOk(status.isKnown)
  t.strictSame(heard, [end])
  t.equal(clock.untilNext(), undefined, 'no timer is left')
  knownFor(1_000)
  t.ok(status.isKnown)
  clock.advance(60_000)
  t.equal(heard.length, 2)
})

t.test('the first read after the end tells the listeners, before the timer does', async (t) => {
  const { status, heard, knownFor } = setUp()
  knownFor(5_000)
  t.ok(status.isKnown)
  knownFor(0)
  t.notOk(status.isKnown)
  t.equal(heard.length, 1)
  t.notOk(status.isKnown)
  t.equal(heard.length, 1)
})

t.test('a list that is known for ever sets no timer', async (t) => {
  const { clock, status, knownFor } = setUp()
  knownFor(Number.POSITIVE_INFINITY)
  t.ok(status.isKnown)
  t.equal(clock.untilNext(), undefined)
})
