import t from 'tap'
import { setUp } from './driven.js'

t.test('while the topic is down the store is listed every 5 s, else every refreshInterval', async (t) => {
  const s = setUp()
  s.topic().state('live')
  ;(await s.store.next()).resolve([])
  await s.settle()
  s.clock.advance(59_999)
  t.equal(s.store.listings, 1)
  s.clock.advance(1)
  ;(await s.store.next()).resolve([])
  await s.settle()
  s.topic().state('gap')
  ;(await s.store.next()).resolve([])
  await s.settle()
  s.clock.advance(4_999)
  t.equal(s.store.listings, 3)
  s.clock.advance(1)
  await s.settle()
  t.equal(s.store.listings, 4)
})

t.test(
  'the pause after a slow listing is 20 times as long while revocations are pushed, else as long as it was',
  async (t) => {
    const cases = [
      { topic: 'live', watch: undefined, takes: 10_000, pause: 200_000 },
      { topic: 'gap', watch: 'live', takes: 10_000, pause: 200_000 },
      { topic: 'gap', watch: 'gap', takes: 10_000, pause: 10_000 },
      { topic: 'failed', watch: undefined, takes: 10_000, pause: 10_000 },
      { topic: 'failed', watch: undefined, takes: 2_000, pause: 3_000 }, // begun every 5 s
      { topic: undefined, watch: undefined, takes: 10_000, pause: 60_000 }, // refreshInterval
      { topic: undefined, watch: undefined, takes: 100_000, pause: 100_000 },
      { topic: undefined, watch: 'live', takes: 10_000, pause: 200_000 },
    ] as const
    for (const { topic, watch, takes, pause } of cases) {
      const title = JSON.stringify({ topic, watch, takes })
      const s = setUp({ realtimeToo: topic !== undefined, watchToo: watch !== undefined })
      if (topic !== undefined) s.topic().state(topic)
      if (watch !== undefined) s.watch().state(watch)
      await s.settle()
      for (;;) {
        const slow = await s.store.next()
        s.clock.advance(takes)
        slow.resolve([])
        await s.settle()
        s.clock.advance(0)
        await s.settle()
        if (s.store.pending.length === 0) break // what the sources asked for is answered
      }
      const { listings } = s.store
      s.clock.advance(pause - 1)
      await s.settle()
      t.equal(s.store.listings, listings, `${title}: not before`)
      s.clock.advance(1)
      await s.settle()
      t.equal(s.store.listings, listings + 1, title)
    }
  },
)

t.test('a source that requests listings non-stop has the store listed at most half of the time', async (t) => {
  const s = setUp({ realtimeToo: false })
  const slow = await s.store.next()
  s.clock.advance(10_000)
  for (let i = 0; i < 10; i++) s.synchronizer.requestListing('test')
  slow.resolve([])
  await s.settle()
  for (let i = 0; i < 10; i++) s.synchronizer.requestListing('test')
  s.clock.advance(9_999)
  await s.settle()
  t.equal(s.store.listings, 1)
  s.clock.advance(1)
  await s.settle()
  t.equal(s.store.listings, 2)
})

t.test('a failing store is retried within 30 s; within 5 s while the topic is down', async (t) => {
  for (const [status, longest] of [
    ['live', 30_000],
    ['failed', 5_000],
  ] as const) {
    const s = setUp({ startupGrace: 1_000_000 })
    s.topic().state(status)
    for (let failures = 0; failures < 12; failures++) {
      ;(await s.store.next()).reject(new Error('down'))
      await s.settle()
      s.clock.advance(failures < 11 ? longest : longest - 1)
      await s.settle()
    }
    t.equal(s.store.listings, 12, `${status}: back-off has come to its end`)
    s.clock.advance(1)
    await s.settle()
    t.equal(s.store.listings, 13, status)
  }
})

t.test('after a gap a failing store is listed within a second', async (t) => {
  const s = setUp()
  s.topic().state('live')
  for (let failures = 0; failures < 10; failures++) {
    ;(await s.store.next()).reject(new Error('down'))
    await s.settle()
    if (failures < 9) s.clock.advance(30_000)
  }
  s.topic().state('gap')
  s.topic().state('live')
  await s.settle()
  t.equal(s.store.listings, 10, 'not at once')
  s.clock.advance(1_000)
  ;(await s.store.next()).resolve([])
})

t.test('with maxStaleness the store is listed often enough', async (t) => {
  const s = setUp({ realtimeToo: false, maxStaleness: 10_000 })
  for (let i = 0; i < 5; i++) {
    ;(await s.store.next()).resolve([])
    await s.settle()
    s.clock.advance(5_000)
    t.ok(s.isKnown())
  }
})
