import { type Test, test } from 'tap'
import { createLogging } from '../../../../src/logging/index.js'
import {
  type ReconnectOptions,
  runWithReconnect,
  type Subscription,
} from '../../../../src/sources/realtime/broker/reconnect.js'
import type { RevocationSink } from '../../../../src/sources/source.js'
import { VirtualClock } from '../virtual-clock.js'

type Subscribe = ReconnectOptions<string>['subscribe']

/** A subscription that a test ends. */
function endable(): Subscription & { end(reason?: Error): void; closes: number } {
  let settle: (reason: Error | undefined) => void = () => undefined
  const closed = new Promise<Error | undefined>((resolve) => {
    settle = resolve
  })
  return {
    closed,
    closes: 0,
    end: (reason) => settle(reason),
    close() {
      this.closes++
      settle(undefined)
      return Promise.resolve()
    },
  }
}

function start(t: Test, brokers: string[], subscribe: Subscribe, state?: RevocationSink['state']) {
  const clock = new VirtualClock()
  const stop = new AbortController()
  const states: string[] = []
  const details: (string | undefined)[] = []
  const sink: RevocationSink = {
    revoked: () => undefined,
    resync: () => undefined,
    state: (status, detail) => {
      states.push(status)
      details.push(detail)
      state?.(status, detail)
    },
  }
  const lines: { msg?: string; count?: number }[] = []
  const stream = { write: (line: string) => lines.push(JSON.parse(line)) }
  const logger = createLogging({ level: 'info', format: 'json', stream })('test')
  const running = runWithReconnect({ brokers, subscribe, clock, logger, random: () => 0 }, sink, stop.signal)
  t.teardown(async () => {
    stop.abort()
    await running
  })
  return { clock, stop, states, details, lines, running }
}

test('it is live when the broker has confirmed, and ends cleanly when told to', async (t) => {
  const subscription = endable()
  const { clock, stop, states, running } = start(t, ['a'], async () => subscription)
  await clock.settle()
  t.same(states, ['connecting', 'live'])
  stop.abort()
  await running
  t.same(states, ['connecting', 'live'])
  t.equal(subscription.closes, 1)
})

test('a loss is a gap, and the next broker is asked', async (t) => {
  const asked: string[] = []
  const subscriptions = [endable(), endable()]
  const { clock, states, details } = start(t, ['a', 'b'], async (broker) => {
    asked.push(broker)
    return subscriptions[asked.length - 1] ?? endable()
  })
  await clock.settle()
  subscriptions[0]?.end(new Error('gone'))
  await clock.advance(99)
  t.same(asked, ['a'], 'not before the shortest wait')
  await clock.advance(1)
  t.same(asked, ['a', 'b'])
  t.same(states, ['connecting', 'live', 'gap', 'live'])
  t.equal(details[2], 'broker 1 of 2: gone')
  t.equal(subscriptions[0]?.closes, 1, 'what is left of the lost connection is closed')
})

test('failed attempts are reported and retried with growing waits', async (t) => {
  const at: number[] = []
  let begun: number | undefined
  const { clock, states } = start(t, ['a'], async () => {
    begun ??= clock.elapsed()
    at.push(clock.elapsed() - begun)
    throw new Error('refused')
  })
  await clock.advance(3100)
  t.same(at, [0, 100, 300, 700, 1500, 3100])
  t.same(states, ['connecting', ...at.map(() => 'failed')])
})

test('two brokers that go on failing are a line each, again after a minute, and one when one is back', async (t) => {
  let isDown = true
  const { clock, lines } = start(t, ['a', 'b'], async (broker) => {
    if (isDown) throw new Error(`${broker} refused`)
    return endable()
  })
  await clock.advance(59_000)
  t.match(lines, [{ msg: /broker 1 of 2: a refused$/ }, { msg: /broker 2 of 2: b refused$/ }])
  t.equal(lines.length, 2)
  await clock.advance(60_000)
  t.equal(lines.length, 4)
  t.ok(lines.slice(2).every(({ count = 0 }) => count > 1))
  isDown = false
  await clock.advance(31_000)
  t.match(lines.slice(4), [{ msg: /started$/ }])
})

test('refused credentials are retried slowly', async (t) => {
  let attempts = 0
  const { clock } = start(t, ['a'], async () => {
    attempts++
    throw Object.assign(new Error('bad credentials'), { slow: true })
  })
  await clock.advance(29_999)
  t.equal(attempts, 1)
  await clock.advance(1)
  t.equal(attempts, 2)
})

test('a listener that throws ends neither the connection nor the back-off', async (t) => {
  let attempts = 0
  const subscription = endable()
  const { clock, states } = start(
    t,
    ['a'],
    async () => {
      attempts++
      if (attempts < 3) throw new Error('refused')
      return subscription
    },
    () => {
      throw new Error('listener')
    },
  )
  await clock.advance(1000)
  t.same(states, ['connecting', 'failed', 'failed', 'live'])
})

test('an attempt that never ends is given up, and closed if it succeeds too late', async (t) => {
  let late: (subscription: Subscription) => void = () => undefined
  let given: AbortSignal | undefined
  const { clock, states } = start(t, ['a'], (_broker, signal) => {
    given ??= signal
    return new Promise((resolve) => {
      late = resolve
    })
  })
  await clock.advance(29_999)
  t.same(states, ['connecting'])
  await clock.advance(1)
  t.same(states, ['connecting', 'failed'])
  t.equal(given?.aborted, true)
  const straggler = endable()
  late(straggler)
  await clock.settle()
  t.equal(straggler.closes, 1)
})

test('it stops at once while it waits, and while an attempt is under way', async (t) => {
  const waiting = start(t, ['a'], async () => {
    throw new Error('refused')
  })
  await waiting.clock.settle()
  waiting.stop.abort()
  await waiting.running
  const trying = start(t, ['a'], () => new Promise(() => undefined))
  await trying.clock.settle()
  trying.stop.abort()
  await trying.running
  t.same(trying.states, ['connecting'])
})

test('a subscribe that throws synchronously is a failed attempt', async (t) => {
  const { clock, states } = start(t, ['a'], () => {
    throw new Error('at once')
  })
  await clock.settle()
  t.same(states, ['connecting', 'failed'])
})

test('an empty list of brokers is a RangeError', async (t) => {
  const sink: RevocationSink = { revoked: () => undefined, resync: () => undefined, state: () => undefined }
  const options = { brokers: [], subscribe: async () => endable() }
  await t.rejects(runWithReconnect(options, sink, new AbortController().signal), RangeError)
})
