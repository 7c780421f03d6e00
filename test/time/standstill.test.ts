import t from 'tap'
import { STANDSTILL, Standstill } from '../../src/time/index.js'

t.test(
  'a standstill is noticed by whoever asks first, and over once the event loop has come round twice',
  async (t) => {
    let now = 0
    let woke = 0
    const standstill = new Standstill(() => now)
    t.teardown(() => standstill.stop())
    standstill.start(() => woke++)
    now = STANDSTILL
    t.notOk(standstill.isCatchingUp)
    now++
    t.ok(standstill.isCatchingUp)
    t.ok(standstill.isCatchingUp)
    t.equal(woke, 1, 'told once')
    standstill.beat()
    t.ok(standstill.isCatchingUp, 'answers to what waited are still to come')
    standstill.beat()
    t.notOk(standstill.isCatchingUp)
    now += STANDSTILL + 1
    standstill.beat()
    t.ok(standstill.isCatchingUp, 'a timer that is due notices, too')
    t.equal(woke, 2)
  },
)
