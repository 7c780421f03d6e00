import t from 'tap'
import { type Checkpoint, ClockCheckpoint, readCheckpoint } from '../../src/time/clock-checkpoint.js'
import { TrustedClock } from '../../src/time/trusted-clock.js'

const HOUR = 3_600_000
const START = Date.UTC(2026, 0, 1)

/** Runs that follow each other, each continuing from what the last one noted, by a clock that may be set between them. */
function runs() {
  let ahead = START
  let elapsed = 0
  let noted: Checkpoint | undefined
  return {
    now: () => ahead + elapsed,
    set: (by: number) => {
      ahead += by
    },
    start(skew: number, earlier = noted) {
      let tick = () => {}
      const clock = { now: () => ahead + elapsed, elapsed: () => elapsed }
      const trusted = new TrustedClock(clock, earlier)
      const note = (checkpoint: Checkpoint) => {
        noted = readCheckpoint(JSON.parse(JSON.stringify(checkpoint)))
      }
      const after = (_: number, action: () => void) => {
        tick = action
        return () => undefined
      }
      const checkpoint = new ClockCheckpoint(trusted, skew, earlier, note, { after })
      checkpoint.start()
      return {
        checkpoint,
        /** Lets time pass, with a checkpoint every minute. */
        pass(ms: number) {
          for (const end = elapsed + ms; elapsed < end; tick()) elapsed += 60_000
        },
      }
    },
    noted: () => noted,
  }
}

t.test('what was swept by a smaller skew stays ended by a larger one', async (t) => {
  const gateway = runs()
  const first = gateway.start(0)
  first.pass(3 * HOUR)
  const { expired } = first.checkpoint.sweepBounds()
  t.equal(expired, gateway.now(), 'tokens that expire by now may be gone')
  first.checkpoint.stop()

  const second = gateway.start(HOUR)
  t.equal(second.checkpoint.droppedBefore, expired)
  t.match(
    second.checkpoint.sweepBounds(),
    { droppedBefore: expired, endedBefore: gateway.now() },
    'workers are told, too',
  )
  t.equal(second.checkpoint.sweepBounds().expired, expired - HOUR, 'what is swept now allows for the skew of now')
  second.pass(HOUR / 2)
  t.equal(second.checkpoint.droppedBefore, expired)
  t.equal(second.checkpoint.endedBefore, gateway.now(), 'which stops no time that answers age by')

  const third = gateway.start(HOUR)
  t.equal(third.checkpoint.droppedBefore, expired, 'another restart changes nothing')
  third.pass(2 * HOUR)
  t.equal(third.checkpoint.droppedBefore, gateway.now() - HOUR, 'it is over: tokens end by the clock again')
})

t.test('with a smaller skew, or the same, tokens end by the clock', async (t) => {
  for (const skew of [0, 5_000]) {
    const gateway = runs()
    gateway.start(5_000).pass(3 * HOUR)
    const { checkpoint } = gateway.start(skew)
    t.equal(checkpoint.endedBefore, gateway.now())
    t.ok(checkpoint.droppedBefore + skew <= gateway.now())
  }
})

t.test('an older version’s checkpoint, which names no skew, is read as if that had been 0', async (t) => {
  const gateway = runs()
  const old = { earliest: START, retained: START, latest: START }
  t.strictSame(readCheckpoint(old), { ...old, expired: START })
  t.equal(gateway.start(5_000, readCheckpoint(old)).checkpoint.droppedBefore, START)
})

t.test('a clock that was ahead is believed no more an hour after it was set back', async (t) => {
  const gateway = runs()
  gateway.start(0).pass(3 * HOUR)
  gateway.set(-48 * HOUR)
  const { checkpoint, pass } = gateway.start(HOUR)
  t.equal(checkpoint.endedBefore, gateway.now() + 48 * HOUR)
  pass(2 * HOUR)
  t.equal(checkpoint.endedBefore, gateway.now())
  t.ok(checkpoint.droppedBefore <= gateway.now(), 'what ends later is accepted')
})

t.test('anything but a checkpoint is ignored', async (t) => {
  for (const other of [undefined, null, 7, 'x', {}, { earliest: 1, retained: 1 }])
    t.equal(readCheckpoint(other), undefined)
  const bounds = { earliest: 1, retained: 2, latest: 3 }
  for (const expired of ['7', -1, null]) t.strictSame(readCheckpoint({ ...bounds, expired }), { ...bounds, expired: 1 })
})
