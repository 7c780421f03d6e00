import t from 'tap'
import { BoundedCalls } from '../../src/auth/bounded-calls.js'
import { gate } from './key-manager.js'

const NEVER = new AbortController().signal

t.test('so many run, so many wait in order, the rest fail at once', async (t) => {
  const calls = new BoundedCalls(2, 2)
  const gates = Array.from({ length: 4 }, () => gate<void>())
  const begun: number[] = []
  const running = gates.map(({ opened }, i) =>
    calls.run(async () => {
      begun.push(i)
      await opened
      return i
    }, NEVER),
  )
  await t.rejects(
    calls.run(async () => 4, NEVER),
    { code: 'ERR_TOO_MANY_CALLS' },
  )
  t.strictSame(begun, [0, 1])
  t.ok(calls.isFull)
  gates[1]?.open()
  t.equal(await running[1], 1)
  t.notOk(calls.isFull)
  for (const { open } of gates) open()
  t.strictSame(await Promise.all(running), [0, 1, 2, 3])
  t.strictSame(begun, [0, 1, 2, 3])
  t.equal(await calls.run(async () => 5, NEVER), 5, 'a place that is left is free')
})

t.test('who does not want to wait any more leaves the queue; a call that fails leaves its place', async (t) => {
  const calls = new BoundedCalls(1, 1)
  const { opened, open } = gate<void>()
  const first = calls.run(() => opened, NEVER)
  const patience = new AbortController()
  const second = calls.run(async () => t.fail('must not run'), patience.signal)
  patience.abort(new Error('enough'))
  await t.rejects(second, { message: 'enough' })
  const third = calls.run(async () => Promise.reject(new Error('failed')), NEVER)
  open()
  await first
  await t.rejects(third, { message: 'failed' })
  t.equal(await calls.run(async () => 4, NEVER), 4)
})
