import t from 'tap'
import { RevocationList } from '../../src/revocation/revocation-list.js'
import { sweepExpired } from '../../src/revocation/sweeping.js'
import { TrustedClock } from '../../src/time/trusted-clock.js'
import { Fingerprinter } from '../../src/token/fingerprint.js'

const HOUR = 3_600_000
const START = Date.UTC(2026, 0, 1)

t.test('expired entries are swept, but not by a clock that is temporarily ahead', async (t) => {
  let ahead = START
  let elapsed = 0
  let tick = () => {}
  let swept = 0
  let sweeps = 0
  const clock = {
    now: () => ahead + elapsed,
    elapsed: () => elapsed,
    random: () => 0.5,
    after: (_: number, action: () => void) => {
      tick = action
      return () => {
        tick = () => {}
      }
    },
  }
  const pass = (ms: number) => {
    elapsed += ms
    for (let i = 0; i < 600; i++) tick()
  }
  const list = new RevocationList({ fingerprints: Fingerprinter.random(), retention: HOUR })
  const time = new TrustedClock(clock)
  const stop = sweepExpired(
    () => list,
    () => ({ ...time.bounds(), expired: time.bounds().earliest }),
    clock,
    (removed, finished) => {
      swept += removed
      if (finished) sweeps++
    },
  )
  tick()
  pass(HOUR)
  list.add({ kind: 'token', id: 'a', expiresAt: clock.now() + HOUR }, 'topic', clock.now())
  ahead += 2 * HOUR
  pass(HOUR / 4)
  t.equal(list.size.tokens, 1)
  ahead -= 2 * HOUR
  pass(HOUR / 2)
  t.equal(list.size.tokens, 1)
  pass(HOUR / 2)
  t.equal(list.size.tokens, 0)
  t.equal(swept, 1, 'told')
  t.ok(sweeps > 0)
  stop()
  list.add({ kind: 'token', id: 'b', expiresAt: clock.now() + 1 }, 'topic', clock.now())
  pass(HOUR)
  t.equal(list.size.tokens, 1, 'stopped')
})
