import t from 'tap'
import { SettledTime } from '../../src/revocation/settled-time.js'

const HOUR = 3_600_000
const START = Date.UTC(2026, 0, 1)

/** A clock that runs, and can be set. */
function clockAt(start: number) {
  let ahead = start
  let elapsed = 0
  return {
    now: () => ahead + elapsed,
    elapsed: () => elapsed,
    set: (by: number) => {
      ahead += by
    },
    pass: (ms: number) => {
      elapsed += ms
    },
  }
}

t.test('in the first hour nothing is certain; then the clock is', async (t) => {
  const clock = clockAt(START)
  const time = new SettledTime(clock)
  t.equal(time.now(), 0)
  clock.pass(HOUR - 1)
  t.equal(time.now(), 0)
  clock.pass(1)
  t.equal(time.now(), START + HOUR)
})

t.test('a clock that is ahead at first, and is set back, was never believed', async (t) => {
  const clock = clockAt(START + 2 * HOUR)
  const time = new SettledTime(clock)
  time.now()
  clock.pass(HOUR / 2)
  time.now()
  clock.set(-2 * HOUR)
  for (let i = 0; i < 4; i++) {
    clock.pass(HOUR / 2)
    t.ok(time.now() <= clock.now())
  }
  t.equal(time.now(), clock.now())
})

t.test('a jump ahead is believed after an hour, one back at once', async (t) => {
  const clock = clockAt(START)
  const time = new SettledTime(clock)
  time.now()
  clock.pass(HOUR)
  time.now()
  clock.set(10 * HOUR)
  t.equal(time.now(), clock.now() - 10 * HOUR)
  clock.set(-11 * HOUR)
  t.equal(time.now(), clock.now())
  clock.set(HOUR)
  time.now()
  clock.pass(HOUR)
  t.equal(time.now(), clock.now())
})
