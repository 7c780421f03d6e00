import t from 'tap'
import { monotonicBeginning } from '../../src/replication/messages.js'

t.test('a process that is suspended while it reads the shared clock does not lag behind it', async (t) => {
  let now = 1_000
  const heldUp = [100, 0.1, 30]
  const machine = () => {
    const read = now
    now += heldUp.shift() ?? 10 // behind the look at the machine's clock, before that at its own
    return read
  }
  t.ok(Math.abs(monotonicBeginning(machine, () => now - 900) - 900) < 0.1)
  const other = Number(process.hrtime.bigint()) / 1e6 - performance.now()
  t.ok(monotonicBeginning() >= other - 0.1, 'not later than one look')
})
