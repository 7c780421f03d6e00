import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'
import { pause, within } from '../../src/time/timers.js'
import { FakeClock } from './fake-clock.js'

const late = () => new Error('late')

t.test('within settles as the work does, or rejects when its time is over', async (t) => {
  t.equal(await within(60_000, Promise.resolve('done'), late), 'done')
  await t.rejects(within(60_000, Promise.reject(new Error('failed')), late), { message: 'failed' })
  await t.rejects(within(1, new Promise(() => undefined), late), { message: 'late' })
})

t.test('a pause ends with its time or its signal, and leaves no timer', async (t) => {
  const clock = new FakeClock()
  const stop = new AbortController()
  const timed = pause(1_000, clock, stop.signal)
  clock.advance(1_000)
  await timed
  const aborted = pause(1_000, clock, stop.signal)
  stop.abort()
  await aborted
  await pause(1_000, clock, stop.signal)
  t.equal(clock.untilNext(), undefined)
})

t.test('a pause keeps a process alive that has nothing else to do', async (t) => {
  const program = `
    import { pause, systemClock } from './dist/src/time/index.js'
    await pause(50, systemClock, new AbortController().signal)
    console.log('over')`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program])
  t.equal(stdout, 'over\n')
})
