import t from 'tap'
import { setUp, token } from './driven.js'

t.test('the list is known only after a listing that began after the topic was subscribed to', async (t) => {
  const s = setUp()
  await s.settle()
  t.equal(s.store.listings, 0, 'nothing is listed before')
  s.topic().state('live')
  const listing = await s.store.next()
  t.notOk(s.isKnown())
  listing.resolve([token('a')])
  await s.synchronizer.known()
  t.ok(s.isKnown())
  t.strictSame(s.applied, ['a'])
  t.equal(s.inSync(), 1)
})

t.test('without any source the list is known at once', async (t) => {
  const s = setUp({ realtimeToo: false, storeToo: false })
  t.ok(s.isKnown())
})

t.test('with a topic and no store the list is known once the topic is subscribed', async (t) => {
  const s = setUp({ storeToo: false })
  s.topic().state('failed')
  s.clock.advance(60_000)
  t.notOk(s.isKnown())
  s.topic().state('live')
  t.ok(s.isKnown())
  s.topic().state('gap')
  t.ok(s.isKnown(), 'and stays so')
})

t.test('with a store, a failing topic does not hold back the list', async (t) => {
  const s = setUp()
  s.topic().state('failed', 'refused')
  ;(await s.store.next()).resolve([])
  await s.synchronizer.known()
  t.equal(s.synchronizer.state().sources[0]?.status, 'failed')
})

t.test('a journal with losses does not make the list known: only a listing does', async (t) => {
  const loss = { now: 'damaged' as string | undefined }
  const { clock, topic, store, synchronizer, isKnown, settle } = setUp({
    journalLoss: () => loss.now,
    journalInSyncAt: 0,
  })
  topic().state('live')
  clock.advance(5_000)
  await settle()
  t.notOk(isKnown())
  const listing = await store.next()
  listing.resolve([])
  await settle()
  t.ok(isKnown())
  synchronizer.journalChanged()
  t.ok(isKnown(), 'what is lost later is in the store, too')
})

t.test(
  'without a store a journal with losses does not make the list known until an operator accepts the loss',
  async (t) => {
    const loss = { now: 'damaged' as string | undefined }
    const { clock, topic, synchronizer, isKnown, inSync } = setUp({ storeToo: false, journalLoss: () => loss.now })
    topic().state('live')
    t.notOk(isKnown())
    t.equal(synchronizer.state().reason, 'damaged')
    clock.advance(60_000)
    t.equal(inSync(), 0, 'nothing vouches for it')
    loss.now = undefined
    synchronizer.journalChanged()
    t.ok(isKnown())
    loss.now = 'another process has damaged it'
    synchronizer.journalChanged()
    t.notOk(isKnown(), 'a loss that is found later counts as well')
  },
)

t.test('without any source a journal with losses does not make the list known', async (t) => {
  const loss = { now: 'damaged' as string | undefined }
  const { synchronizer, isKnown } = setUp({ storeToo: false, realtimeToo: false, journalLoss: () => loss.now })
  t.notOk(isKnown())
  loss.now = undefined
  synchronizer.journalChanged()
  t.ok(isKnown())
})

t.test('a recent journal stands in for sources that fail, after the grace', async (t) => {
  const s = setUp({ journalInSyncAt: 1_700_000_000_000 - 1_000 })
  s.topic().state('failed')
  ;(await s.store.next()).reject(new Error('down'))
  await s.settle()
  t.notOk(s.isKnown())
  s.clock.advance(5_000)
  t.ok(s.isKnown())
  t.match(s.synchronizer.state().reason, /journal/)
})

t.test('a journal waits for a listing that makes progress, and replaces one that stalls', async (t) => {
  const s = setUp({ realtimeToo: false, journalInSyncAt: 1_700_000_000_000 - 1_000 })
  const listing = await s.store.next()
  s.clock.advance(4_000)
  listing.part([token('a')])
  await s.settle()
  s.clock.advance(4_999)
  t.notOk(s.isKnown(), 'something came less than startupGrace ago')
  t.match(s.synchronizer.state().reason, /waiting for store/)
  s.clock.advance(1)
  t.ok(s.isKnown())
  t.match(s.synchronizer.state().reason, /journal/)
})

t.test('a journal waits for a store that was not listed yet because the topic hangs', async (t) => {
  const s = setUp({ journalInSyncAt: 1_700_000_000_000 - 1_000 })
  s.clock.advance(5_000)
  const listing = await s.store.next()
  s.clock.advance(4_999)
  t.notOk(s.isKnown(), 'the store has its own grace')
  listing.part([token('a')])
  await s.settle()
  s.clock.advance(4_999)
  t.notOk(s.isKnown())
  listing.resolve([])
  await s.settle()
  t.ok(s.isKnown())
  t.match(s.synchronizer.state().reason, /listed/)
})

t.test('a journal stands in at once for a store that fails after the grace', async (t) => {
  const s = setUp({ journalInSyncAt: 1_700_000_000_000 - 1_000 })
  s.clock.advance(5_000)
  const listing = await s.store.next()
  t.notOk(s.isKnown())
  listing.reject(new Error('down'))
  await s.settle()
  t.ok(s.isKnown())
  t.match(s.synchronizer.state().reason, /journal/)
})

t.test('a listing that began before the topic was tried does not make the list known', async (t) => {
  const s = setUp({ journalInSyncAt: 1_700_000_000_000 - 1_000 })
  s.topic().resync('batch')
  const early = await s.store.next()
  s.topic().state('live')
  early.resolve([])
  await s.settle()
  t.notOk(s.isKnown())
  t.equal(s.inSync(), 0)
  ;(await s.store.next()).resolve([])
  await s.settle()
  t.ok(s.isKnown())
})

t.test('after serving from the journal, the first successful listing takes over', async (t) => {
  const s = setUp({ realtimeToo: false, maxStaleness: 60_000, journalInSyncAt: 1_700_000_000_000 - 10_000 })
  ;(await s.store.next()).reject(new Error('down'))
  await s.settle()
  s.clock.advance(5_000)
  t.equal(s.synchronizer.knownUntil, 1_700_000_000_000 + 50_000)
  ;(await s.store.next()).resolve([])
  await s.settle()
  t.equal(s.synchronizer.knownUntil, 1_700_000_000_000 + 65_000, 'from the beginning of that listing')
})

t.test('after maxStaleness without a listing the list is no longer known', async (t) => {
  const s = setUp({ realtimeToo: false, maxStaleness: 90_000 })
  ;(await s.store.next()).resolve([])
  await s.settle()
  s.clock.advance(60_000)
  ;(await s.store.next()).reject(new Error('down'))
  await s.settle()
  s.clock.advance(29_999)
  t.ok(s.isKnown())
  s.clock.advance(1)
  t.notOk(s.isKnown())
  ;(await s.store.next()).resolve([])
  await s.settle()
  t.ok(s.isKnown(), 'a listing makes it known again')
})

t.test('failurePolicy = "open" lets through while nothing is known, as WSO2 does', async (t) => {
  const s = setUp({ failurePolicy: 'open' })
  t.ok(s.isKnown())
  s.topic().state('live')
  ;(await s.store.next()).resolve([token('a')])
  await s.settle()
  t.strictSame(s.applied, ['a'])
})

t.test('streams of identity providers', async (t) => {
  t.test('what waited in them is read before a listing makes the list known', async (t) => {
    const s = setUp({ realtimeToo: false, hasStreams: true })
    ;(await s.store.next()).resolve([])
    await s.settle()
    t.notOk(s.isKnown())
    t.match(s.synchronizer.state().reason, /streams of identity providers \(connecting\)/)
    t.equal(s.inSync(), 0, 'the journal does not vouch for them either')
    s.synchronizer.streamsChanged('failed')
    s.clock.advance(60_000)
    t.notOk(s.isKnown(), 'nobody knows what they hold')
    s.synchronizer.streamsChanged('live')
    t.ok(s.isKnown())
    s.synchronizer.streamsChanged('gap')
    t.ok(s.isKnown(), 'and stays so')
  })

  t.test('without topic and store they make it known', async (t) => {
    const s = setUp({ realtimeToo: false, storeToo: false, hasStreams: true })
    t.notOk(s.isKnown())
    s.synchronizer.streamsChanged('live')
    t.ok(s.isKnown())
    s.clock.advance(60_000)
    t.equal(s.inSync(), 1)
  })

  t.test('a recent journal stands in for streams that fail, not for those that are being read', async (t) => {
    const s = setUp({ realtimeToo: false, storeToo: false, hasStreams: true, journalInSyncAt: 0 })
    s.clock.advance(60_000)
    t.notOk(s.isKnown())
    s.synchronizer.streamsChanged('failed')
    t.ok(s.isKnown())
  })

  t.test('a journal with losses is accepted before they make the list known', async (t) => {
    const loss = { now: 'damaged' as string | undefined }
    const options = { realtimeToo: false, storeToo: false, hasStreams: true, journalLoss: () => loss.now }
    const { synchronizer, isKnown } = setUp(options)
    synchronizer.streamsChanged('live')
    t.notOk(isKnown())
    loss.now = undefined
    synchronizer.journalChanged()
    t.ok(isKnown())
  })
})
