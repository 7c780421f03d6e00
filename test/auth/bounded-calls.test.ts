import t from 'tap'
import { BoundedCalls } from '../../src/auth/bounded-calls.js'
import { gate } from './key-manager.js'

const NEVER = new AbortController().signal

t.test('so many run, so many wait in order, the rest fail at once', async (t) => {
  const calls = new BoundedCalls({ running: 2, waiting: 2 })
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
  const calls = new BoundedCalls({ running: 1, waiting: 1 })
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

const turn = () => new Promise(setImmediate)

/** Calls that begin, and end when the test says so. */
function begun(calls: BoundedCalls) {
  const order: string[] = []
  const ends = new Map<string, () => void>()
  const run = (name: string, client: string) =>
    calls.run(
      () => {
        order.push(name)
        return new Promise<void>((resolve) => ends.set(name, resolve))
      },
      NEVER,
      client,
    )
  return { order, run, end: (name: string) => ends.get(name)?.() }
}

t.test('clients take turns, whoever has more calls waiting', async (t) => {
  const { order, run, end } = begun(new BoundedCalls({ running: 1, waiting: 10 }))
  const all = ['a1', 'a2', 'a3', 'a4', 'b1', 'b2', 'c1'].map((name) => run(name, name.charAt(0)))
  for (let i = 0; i < all.length; i++) {
    t.equal(order.length, i + 1)
    end(order[i] ?? '')
    await turn()
  }
  await Promise.all(all)
  t.strictSame(order, ['a1', 'a2', 'b1', 'c1', 'a3', 'b2', 'a4'])
})

t.test('some places are never taken by one client alone', async (t) => {
  const { order, run, end } = begun(new BoundedCalls({ running: 3, runningOfClient: 2, waiting: 10 }))
  const all = ['a1', 'a2', 'a3', 'b1', 'c1'].map((name) => run(name, name.charAt(0)))
  t.strictSame(order, ['a1', 'a2', 'b1'])
  end('b1')
  await turn()
  t.strictSame(order.slice(3), ['c1'], 'the first in line may not')
  for (const name of ['a1', 'a2', 'c1']) end(name)
  await turn()
  end('a3')
  await Promise.all(all)
})

t.test('where the queue is full, the client with the most calls in it loses its latest', async (t) => {
  const { order, run, end } = begun(new BoundedCalls({ running: 1, waiting: 3 }))
  const first = run('a1', 'a')
  const [a2, a3, a4] = ['a2', 'a3', 'a4'].map((name) => run(name, 'a'))
  await t.rejects(run('a5', 'a'), { code: 'ERR_TOO_MANY_CALLS' })
  const b1 = run('b1', 'b')
  await t.rejects(a4 ?? Promise.resolve(), { code: 'ERR_TOO_MANY_CALLS' })
  const c1 = run('c1', 'c')
  await t.rejects(a3 ?? Promise.resolve(), { code: 'ERR_TOO_MANY_CALLS' })
  await t.rejects(
    run('d1', 'd').then(() => t.fail('must not run')),
    { code: 'ERR_TOO_MANY_CALLS' },
  )
  for (const name of ['a1', 'a2', 'b1', 'c1']) {
    end(name)
    await turn()
  }
  await Promise.all([first, a2, b1, c1])
  t.strictSame(order, ['a1', 'a2', 'b1', 'c1'])
})
