import t from 'tap'
import { setUp, token } from './driven.js'

t.test('every gap of the topic, and its end, is followed by a listing', async (t) => {
  const s = setUp()
  s.topic().state('live')
  ;(await s.store.next()).resolve([])
  await s.settle()
  s.topic().state('gap')
  ;(await s.store.next()).resolve([token('during')])
  await s.settle()
  s.topic().state('live')
  ;(await s.store.next()).resolve([token('after')])
  await s.settle()
  t.strictSame(s.applied, ['during', 'after'])
})

t.test('while the topic hangs the store is listed after the grace, and again when the topic is live', async (t) => {
  const s = setUp()
  s.clock.advance(4_999)
  await s.settle()
  t.equal(s.store.listings, 0, 'nothing is listed before')
  s.clock.advance(1)
  const listing = await s.store.next()
  t.notOk(s.isKnown())
  listing.resolve([token('a')])
  await s.settle()
  t.ok(s.isKnown())
  t.equal(s.store.listings, 1)
  s.topic().state('live')
  ;(await s.store.next()).resolve([token('b')])
  await s.settle()
  t.strictSame(s.applied, ['a', 'b'])
})

t.test('the state names what the list waits for, and since when', async (t) => {
  const s = setUp()
  s.clock.advance(1_000)
  s.topic().state('failed', 'refused')
  s.clock.advance(1_000)
  ;(await s.store.next()).reject(new Error('down'))
  await s.settle()
  const state = s.synchronizer.state()
  t.equal(
    state.reason,
    'waiting for topic (failed since 2023-11-14T22:13:21.000Z) and store (failed since 2023-11-14T22:13:22.000Z)',
  )
  t.match(state.sources, [
    { name: 'topic', role: 'realtime', status: 'failed', since: 1_700_000_001_000, detail: 'refused' },
    { name: 'store', role: 'store', status: 'failed', since: 1_700_000_002_000, detail: 'down' },
  ])
})

t.test('the list is in sync while the topic and the watch are live', async (t) => {
  const s = setUp({ storeToo: false })
  s.topic().state('live')
  s.clock.advance(60_000)
  t.equal(s.inSync(), 1)
  s.topic().state('gap')
  s.clock.advance(300_000)
  t.equal(s.inSync(), 1)
})

t.test('a store that was never listed is not in sync, even if its watch and the topic are live', async (t) => {
  const s = setUp({ watchToo: true, journalInSyncAt: 1_700_000_000_000 - 1_000 })
  s.topic().state('live')
  s.watch().state('live')
  for (let failures = 0; failures < 5; failures++) {
    ;(await s.store.next()).reject(new Error('denied'))
    await s.settle()
    s.clock.advance(60_000)
  }
  t.ok(s.isKnown(), 'by the journal')
  t.equal(s.inSync(), 0)
})

t.test('a watched store is in sync from a listing until the next is requested', async (t) => {
  const s = setUp({ watchToo: true, refreshInterval: 1_000_000 })
  const passes = async (ms: number) => {
    s.clock.advance(ms)
    await s.settle()
    return s.inSync()
  }
  s.topic().state('live')
  s.watch().state('live')
  ;(await s.store.next()).resolve([])
  await s.settle()
  t.equal(await passes(60_000), 2, 'the listing, and the minute after it')
  s.watch().state('gap', 'cut')
  s.watch().state('live')
  const closing = await s.store.next()
  t.equal(await passes(60_000), 2, 'what the gap hid is not read yet')
  s.topic().resync('batch')
  closing.resolve([])
  await s.settle()
  t.equal(s.inSync(), 3, 'as of its beginning')
  t.equal(await passes(60_000), 3, 'and one more was asked for')
  ;(await s.store.next()).resolve([])
  await s.settle()
  t.equal(await passes(60_000), 5)
})

t.test(
  'a store is listed when its watch is cut, and again when the watch is live; not at the first live',
  async (t) => {
    const s = setUp({ realtimeToo: false, watchToo: true, refreshInterval: 1_000_000 })
    const listsNow = async () => {
      await s.settle()
      const isListed = s.store.pending.length > 0
      for (const listing of s.store.pending.splice(0)) listing.resolve([])
      await s.settle()
      return isListed
    }
    t.ok(await listsNow(), 'at start')
    for (const [status, lists] of [
      ['connecting', false],
      ['live', false],
      ['gap', true],
      ['live', true],
      ['live', false],
      ['gap', true],
      ['failed', false],
      ['live', true],
    ] as const) {
      s.watch().state(status)
      t.equal(await listsNow(), lists, status)
    }
  },
)

t.test('stopping ends the sources and starts no further listing', async (t) => {
  const s = setUp({ realtimeToo: false })
  ;(await s.store.next()).resolve([])
  await s.settle()
  await s.synchronizer.stop()
  s.clock.advance(1_000_000)
  t.equal(s.store.listings, 1)
})
