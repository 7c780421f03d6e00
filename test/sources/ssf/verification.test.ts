import t from 'tap'
import { Verification } from '../../../src/sources/ssf/verification.js'

const TIMING = { interval: 300_000, patience: 90_000 }

t.test(
  'a verification event is asked for at once, and then at intervals that the transmitter may lengthen',
  async (t) => {
    const verification = new Verification(TIMING)
    t.ok(verification.dueAt <= 0)
    verification.ask(1_000, 60_000)
    t.equal(verification.dueAt, 301_000)
    verification.ask(301_000, 600_000)
    t.equal(verification.dueAt, 901_000)
    t.equal(new Verification({ ...TIMING, interval: 0 }).dueAt, Number.POSITIVE_INFINITY, 'switched off')
  },
)

t.test('the state that was asked for is the only one that counts', async (t) => {
  const verification = new Verification(TIMING)
  t.equal(verification.received('x'), 'unasked', 'an earlier run asked for it')
  const state = verification.ask(0, 0)
  t.not(new Verification(TIMING).ask(0, 0), state)
  t.equal(verification.received(undefined), 'unasked', 'the transmitter sends it by itself')
  t.equal(verification.received('x'), 'wrong')
  t.equal(verification.received(state), 'matched')
  t.equal(verification.received(state), 'unasked', 'once')
})

t.test('an event that is late is missed until one comes', async (t) => {
  const verification = new Verification(TIMING)
  verification.ask(0, 0)
  t.notOk(verification.isMissed(90_000))
  t.ok(verification.isMissed(90_001))
  const state = verification.ask(300_000, 0)
  t.ok(verification.isMissed(300_000))
  t.equal(verification.received(state), 'matched')
  t.notOk(verification.isMissed(390_000))
})

/** When a verification event is missed first that is asked for whenever it is due, within an hour. */
function missedAt(interval: number, isAccepted: (asked: number) => boolean): number | undefined {
  const verification = new Verification({ ...TIMING, interval })
  let asked = 0
  for (let now = 0; now < 3_600_000; now += 1_000) {
    if (now >= verification.dueAt) {
      verification.ask(now, 0)
      if (!isAccepted(asked++)) verification.refused()
    }
    if (verification.isMissed(now)) return now
  }
  return undefined
}

t.test('silence is noticed, however often an event is asked for', async (t) => {
  for (const interval of [10_000, 60_000, 90_000, 300_000]) {
    const at = missedAt(interval, () => true) ?? Number.POSITIVE_INFINITY
    t.ok(at >= 90_000 && at <= 91_000, `every ${interval} ms: after ${at} ms`)
  }
})

t.test('so is a transmitter that refuses every request, not one that refuses once', async (t) => {
  for (const interval of [10_000, 60_000, 90_000, 300_000]) {
    const at = missedAt(interval, () => false) ?? Number.POSITIVE_INFINITY
    t.ok(at >= 90_000 && at <= 120_000, `every ${interval} ms: after ${at} ms`)
  }
  const verification = new Verification(TIMING)
  verification.ask(0, 0)
  verification.refused()
  t.equal(verification.dueAt, 90_000)
  t.equal(verification.received(verification.ask(90_000, 0)), 'matched')
  t.equal(verification.dueAt, 390_000)
  verification.ask(390_000, 0)
  verification.refused()
  t.notOk(verification.isMissed(480_000))
})
