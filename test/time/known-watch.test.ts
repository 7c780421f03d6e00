import t from 'tap'
import { KnownWatch } from '../../src/time/known-watch.js'
import { FakeClock } from './fake-clock.js'

function setUp() {
  const clock = new FakeClock()
  let until = 0
  const watch = new KnownWatch(() => until - clock.elapsed(), clock)
  const heard: number[] = []
  watch.onUnknown(() => heard.push(clock.elapsed()))
  return {
    clock,
    watch,
    heard,
    knownFor(ms: number) {
      until = clock.elapsed() + ms
    },
  }
}

t.test('a list that ceases to be known is told of once, by a timer', async (t) => {
  const { clock, watch, heard, knownFor } = setUp()
  t.notOk(watch.isKnown)
  clock.advance(10_000)
  t.strictSame(heard, [], 'it never was')
  knownFor(5_000)
  t.ok(watch.isKnown)
  clock.advance(4_000)
  knownFor(5_000)
  clock.advance(4_999)
  t.strictSame(heard, [], 'it was renewed meanwhile')
  const end = clock.elapsed() + 1
  clock.advance(60_000)
  t.notOk(watch.isKnown)
  t.strictSame(heard, [end])
  t.equal(clock.untilNext(), undefined, 'no timer is left')
  knownFor(1_000)
  t.ok(watch.isKnown)
  clock.advance(60_000)
  t.equal(heard.length, 2)
})

t.test('whoever asks before the timer does has told the listeners first', async (t) => {
  const { watch, heard, knownFor } = setUp()
  knownFor(5_000)
  t.ok(watch.isKnown)
  knownFor(0)
  t.notOk(watch.isKnown)
  t.equal(heard.length, 1)
  t.notOk(watch.isKnown)
  t.equal(heard.length, 1)
})

t.test('a list that is known for ever has no timer', async (t) => {
  const { clock, watch, knownFor } = setUp()
  knownFor(Number.POSITIVE_INFINITY)
  t.ok(watch.isKnown)
  t.equal(clock.untilNext(), undefined)
})
