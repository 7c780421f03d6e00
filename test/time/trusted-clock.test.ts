import t from 'tap'
import { readTimeBounds, type TimeBounds, TrustedClock } from '../../src/time/trusted-clock.js'

const MINUTE = 60_000
const HOUR = 3_600_000
const DAY = 24 * HOUR
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
    /** Lets time pass for a trusted clock that is asked every minute. */
    pass: (ms: number, time: TrustedClock) => {
      for (let left = ms; left > 0; left -= MINUTE) {
        elapsed += Math.min(left, MINUTE)
        time.bounds()
      }
      return time.bounds()
    },
  }
}

function noted(at: number): TimeBounds {
  return { earliest: at, retained: at, latest: at }
}

t.test('without a checkpoint nothing is certain for an hour; then the clock is believed', async (t) => {
  const clock = clockAt(START)
  const time = new TrustedClock(clock)
  t.equal(clock.pass(HOUR - MINUTE, time).earliest, 0)
  t.ok(time.latest < 0)
  t.equal(clock.pass(2 * MINUTE, time).earliest, clock.now())
  t.equal(time.latest, clock.now())
})

t.test('a clock that starts ahead and is set back later is never believed', async (t) => {
  const clock = clockAt(START + 40 * DAY)
  const time = new TrustedClock(clock, noted(START))
  for (let hours = 0; hours < 20; hours++) {
    t.ok(clock.pass(HOUR, time).earliest <= START + (hours + 1) * HOUR)
  }
  clock.set(-40 * DAY)
  for (let hours = 0; hours < 48; hours++) t.ok(clock.pass(HOUR, time).earliest <= clock.now())
  t.equal(time.bounds().earliest, clock.now())
})

t.test('a jump ahead is believed after as long as it is, from an hour to a day; one back at once', async (t) => {
  for (const [jump, probation] of [
    [10 * MINUTE, HOUR],
    [3 * HOUR, 3 * HOUR],
    [400 * DAY, DAY],
  ] as const) {
    const clock = clockAt(START)
    const time = new TrustedClock(clock, noted(START))
    clock.set(jump)
    t.equal(clock.pass(probation - MINUTE, time).earliest, clock.now() - jump)
    t.equal(clock.pass(2 * MINUTE, time).earliest, clock.now())
    clock.set(-jump)
    t.equal(time.bounds().earliest, clock.now())
  }
})

t.test('a clock that is set repeatedly is believed up to where it stayed for the probation', async (t) => {
  const clock = clockAt(START)
  const time = new TrustedClock(clock, noted(START))
  clock.set(5 * HOUR)
  clock.pass(HOUR, time)
  clock.set(-4 * HOUR)
  clock.pass(HOUR, time)
  t.equal(time.bounds().earliest, clock.now(), 'an hour ahead for two hours, and more for one of them')
})

t.test('a source’s Date that contradicts the clock holds it back; all agreeing confirm it at once', async (t) => {
  const clock = clockAt(START)
  const time = new TrustedClock(clock, noted(START))
  clock.set(40 * DAY)
  time.witness('hub', START)
  t.equal(clock.pass(7 * DAY, time).earliest, START + 7 * DAY)
  time.witness('issuer', clock.now())
  t.equal(clock.pass(7 * DAY, time).earliest, START + 14 * DAY, 'as long as one contradicts')
  time.witness('hub', clock.now() - 2_000)
  t.equal(time.bounds().earliest, clock.now() - 2_000, 'the earlier of them')
  const fresh = new TrustedClock(clock)
  fresh.witness('hub', clock.now() - 2_000)
  t.equal(fresh.bounds().earliest, clock.now() - 2_000, 'at once')
})

t.test('what must not be kept for too short is counted from the earliest time that anybody says', async (t) => {
  const clock = clockAt(START)
  const time = new TrustedClock(clock)
  t.equal(time.notAfter, START, 'the clock, while nothing is certain')
  time.witness('issuer', START - 2 * HOUR)
  t.equal(time.notAfter, START - 2 * HOUR, 'a source that contradicts it')
  const known = new TrustedClock(clock, noted(START))
  clock.set(2 * HOUR)
  t.equal(known.notAfter, START, 'a clock that has just been set')
  clock.set(-3 * HOUR)
  t.equal(known.notAfter, START - HOUR)
})

t.test('retention is counted by elapsed time: neither a clock change nor a restart moves it', async (t) => {
  const clock = clockAt(START - 40 * DAY)
  const time = new TrustedClock(clock)
  t.equal(time.retained, START - 40 * DAY)
  clock.set(40 * DAY)
  clock.pass(3 * DAY, time)
  t.equal(time.bounds().earliest, clock.now(), 'although the clock is believed')
  t.equal(time.retained, START - 37 * DAY)
  const later = clockAt(clock.now() + 100 * DAY)
  t.equal(new TrustedClock(later, time.bounds()).retained, START - 37 * DAY)
})

t.test(
  'without a checkpoint, retention continues from the journal’s last time, or starts at the clock’s',
  async (t) => {
    t.equal(new TrustedClock(clockAt(START + 40 * DAY), undefined, START).retained, START)
    t.equal(new TrustedClock(clockAt(START - 40 * DAY), undefined, START).retained, START - 40 * DAY)
    t.ok(new TrustedClock(clockAt(Date.UTC(2300, 0))).retained < Date.UTC(2100, 0), 'entries can say no later moment')
  },
)

t.test('the latest believed time is kept for an hour after the clock goes back, also over a restart', async (t) => {
  const clock = clockAt(START)
  const time = new TrustedClock(clock, noted(START))
  clock.set(-2 * DAY)
  const { latest } = clock.pass(HOUR - MINUTE, time)
  t.equal(latest, START + HOUR - MINUTE)
  t.equal(time.notBefore, latest)
  const again = clockAt(clock.now())
  t.equal(new TrustedClock(again, time.bounds()).latest, latest)
  t.equal(clock.pass(2 * MINUTE, time).latest, clock.now(), 'then it is given up')
})

t.test('notBefore is no earlier than the clock and every source’s Date', async (t) => {
  const clock = clockAt(START)
  const time = new TrustedClock(clock)
  t.equal(time.notBefore, START)
  time.witness('issuer', START + 40 * DAY)
  clock.pass(HOUR, time)
  t.equal(time.notBefore, START + 40 * DAY + HOUR)
})

t.test(
  'issuersNow is no earlier than an issuer’s clock: as its Date says, or ahead by all that is allowed',
  async (t) => {
    const clock = clockAt(START)
    const time = new TrustedClock(clock)
    const SKEW = 5_000
    t.equal(time.issuersNow(['a'], SKEW), START + SKEW)
    t.equal(time.issuersNow([undefined], SKEW), START + SKEW)
    time.witness('a', START - MINUTE)
    t.equal(time.issuersNow(['a'], SKEW), START, 'a is behind')
    t.equal(time.issuersNow(['a', 'b'], SKEW), START + SKEW, 'b is not known')
    t.equal(time.issuersNow(['a', undefined], SKEW), START + SKEW)
    time.witness('b', START + MINUTE)
    clock.pass(HOUR, time)
    t.equal(time.issuersNow(['a', 'b'], SKEW), START + HOUR + MINUTE + 1_000, 'Dates have no milliseconds')
  },
)

t.test(
  'of the Dates of one server, that furthest ahead counts, for an hour: several machines may answer',
  async (t) => {
    const clock = clockAt(START)
    const time = new TrustedClock(clock)
    time.witness('a', START + MINUTE)
    clock.pass(HOUR / 2, time)
    time.witness('a', clock.now() - MINUTE)
    t.equal(time.notBefore, clock.now() + MINUTE)
    t.equal(time.issuersNow(['a'], 5_000), clock.now() + MINUTE + 1_000)
    clock.pass(HOUR / 2, time)
    time.witness('a', clock.now() - MINUTE)
    t.equal(time.notBefore, clock.now(), 'it was corrected')
  },
)

t.test('a checkpoint is read as written; anything else is ignored', async (t) => {
  t.strictSame(readTimeBounds(JSON.parse(JSON.stringify(noted(START)))), noted(START))
  for (const other of [undefined, null, 7, 'x', [], {}, { earliest: 1, retained: 1 }, { ...noted(1), latest: null }]) {
    t.equal(readTimeBounds(other), undefined)
  }
  t.equal(readTimeBounds({ ...noted(1), earliest: -1 }), undefined)
})
