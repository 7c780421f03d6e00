import t from 'tap'
import { createLogging, silent } from '../../src/logging/index.js'
import type { RevocationRecord } from '../../src/revocation/record.js'
import type { PersistentStore, RealtimeSource, RevocationSink } from '../../src/sources/source.js'
import type { SynchronizerOptions } from '../../src/sync/options.js'
import { Synchronizer } from '../../src/sync/synchronizer.js'
import { FakeClock } from '../time/fake-clock.js'

const NEVER = new Promise<void>(() => undefined)

/** A store whose listings a test answers one by one. */
class ManualStore implements PersistentStore {
  readonly name = 'store'
  readonly watch?: (sink: RevocationSink) => Promise<void>
  readonly pending: {
    resolve: (records: RevocationRecord[]) => void
    reject: (error: Error) => void
    /** Answers with some, and is not at the end. */
    part: (records: RevocationRecord[]) => void
  }[] = []
  listings = 0
  sink: RevocationSink | undefined
  #asked: (() => void) | undefined

  constructor(hasWatch: boolean) {
    if (!hasWatch) return
    this.watch = (sink) => {
      this.sink = sink
      return NEVER
    }
  }

  async *list(): AsyncIterable<RevocationRecord> {
    this.listings++
    yield* new ReadableStream<RevocationRecord>({
      start: (controller) => {
        const part = (records: RevocationRecord[]) => {
          for (const record of records) controller.enqueue(record)
        }
        const resolve = (records: RevocationRecord[]) => {
          part(records)
          controller.close()
        }
        this.pending.push({ part, resolve, reject: (error) => controller.error(error) })
        this.#asked?.()
      },
    })
  }

  /** Resolves when a listing waits for its answer. */
  async next() {
    if (this.pending.length === 0) {
      await new Promise<void>((resolve) => {
        this.#asked = resolve
      })
    }
    const listing = this.pending.shift()
    if (listing === undefined) throw new Error('no listing')
    return listing
  }
}

function setUp(
  options: Partial<SynchronizerOptions> & { realtimeToo?: boolean; storeToo?: boolean; watchToo?: boolean } = {},
) {
  const clock = new FakeClock()
  let sink: RevocationSink | undefined
  const realtime: RealtimeSource = {
    name: 'topic',
    run: (given) => {
      sink = given
      return NEVER
    },
  }
  const applied: string[] = []
  let inSync = 0
  const { realtimeToo = true, storeToo = true, watchToo = false, ...rest } = options
  const store = new ManualStore(watchToo)
  const synchronizer = new Synchronizer({
    target: {
      apply: (record) => applied.push(record.id),
      inSync: () => {
        inSync++
      },
    },
    ...(realtimeToo ? { realtime } : {}),
    ...(storeToo ? { store } : {}),
    failurePolicy: 'closed',
    startupGrace: 5_000,
    maxStaleness: 0,
    refreshInterval: 60_000,
    logger: silent('test'),
    clock,
    ...rest,
  })
  synchronizer.start()
  return {
    clock,
    store,
    synchronizer,
    applied,
    topic: () => {
      if (sink === undefined) throw new Error('not running')
      return sink
    },
    watch: () => {
      if (store.sink === undefined) throw new Error('not watched')
      return store.sink
    },
    inSync: () => inSync,
    isKnown: () => clock.now() < synchronizer.knownUntil,
    /** Lets the promises that are due settle. */
    settle: () => new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve))),
  }
}

const token = (id: string): RevocationRecord => ({ kind: 'token', id, expiresAt: undefined })

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

t.test('with a store, a failing topic does not hold back the list', async (t) => {
  const s = setUp()
  s.topic().state('failed', 'refused')
  ;(await s.store.next()).resolve([])
  await s.synchronizer.known()
  t.equal(s.synchronizer.state().sources[0]?.status, 'failed')
})

t.test('a store that fails is retried with back-off, and the list stays unknown', async (t) => {
  const s = setUp({ realtimeToo: false })
  for (const delay of [100, 200, 400, 800]) {
    ;(await s.store.next()).reject(new Error('down'))
    await s.settle()
    const before = s.store.listings
    s.clock.advance(delay - 1)
    t.equal(s.store.listings, before, `not within ${delay} ms`)
    s.clock.advance(1)
  }
  t.notOk(s.isKnown())
  t.equal(s.synchronizer.state().sources[0]?.status, 'failed')
  ;(await s.store.next()).resolve([])
  await s.synchronizer.known()
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

t.test('without a store it is no list until an operator accepts the loss', async (t) => {
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
})

t.test('nor without any source', async (t) => {
  const loss = { now: 'damaged' as string | undefined }
  const { synchronizer, isKnown } = setUp({ storeToo: false, realtimeToo: false, journalLoss: () => loss.now })
  t.notOk(isKnown())
  loss.now = undefined
  synchronizer.journalChanged()
  t.ok(isKnown())
})

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

t.test('listings requested during one make one more, and never two at a time', async (t) => {
  const s = setUp({ realtimeToo: false })
  const first = await s.store.next()
  for (let i = 0; i < 10; i++) s.synchronizer.requestListing('test')
  t.equal(s.store.listings, 1)
  first.resolve([])
  ;(await s.store.next()).resolve([])
  await s.settle()
  t.equal(s.store.listings, 2)
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

t.test('a listing that the topic requests (a batch event) lists the store', async (t) => {
  const s = setUp()
  s.topic().state('live')
  ;(await s.store.next()).resolve([])
  await s.settle()
  s.topic().resync('batch')
  ;(await s.store.next()).resolve([token('b')])
  await s.settle()
  t.strictSame(s.applied, ['b'])
})

t.test('a topic that rejects, throws or ends by itself is a gap, and is restarted with back-off', async (t) => {
  const ends: Record<string, () => Promise<void>> = {
    rejects: () => Promise.reject(new Error('a bug')),
    throws: () => {
      throw new Error('a bug')
    },
    ends: () => Promise.resolve(),
  }
  for (const [how, end] of Object.entries(ends)) {
    const sinks: RevocationSink[] = []
    const run = (sink: RevocationSink) => {
      sinks.push(sink)
      sink.state('live')
      return end()
    }
    const s = setUp({ realtime: { name: 'topic', run }, storeToo: false })
    await s.settle()
    t.match(s.synchronizer.state().sources[0], { status: 'gap', detail: how === 'ends' ? /by itself/ : 'a bug' }, how)
    sinks[0]?.state('live')
    t.match(s.synchronizer.state().sources[0], { status: 'gap' }, 'what an ended run says is not true any more')
    for (const [runs, delay] of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000].entries()) {
      s.clock.advance(delay - 1)
      await s.settle()
      t.equal(sinks.length, runs + 1)
      s.clock.advance(1)
      await s.settle()
      t.equal(sinks.length, runs + 2, `${how}: again after ${delay} ms`)
    }
    await s.synchronizer.stop()
    s.clock.advance(60_000)
    await s.settle()
    t.equal(sinks.length, 8)
  }
})

t.test('a watch that rejects before it was live has failed; when it is live the store is listed', async (t) => {
  let runs = 0
  let listings = 0
  let sink: RevocationSink | undefined
  const store: PersistentStore = {
    name: 'store',
    async *list() {
      listings++
      yield* []
    },
    async watch(given) {
      if (runs++ === 0) throw new Error('a bug')
      sink = given
      await NEVER
    },
  }
  const s = setUp({ realtimeToo: false, store })
  await s.settle()
  t.match(s.synchronizer.state().sources[0], { role: 'watch', status: 'failed', detail: 'a bug' })
  s.clock.advance(1_000)
  await s.settle()
  t.equal(runs, 2)
  t.equal(listings, 1)
  sink?.state('connecting')
  sink?.state('live')
  await s.settle()
  t.equal(listings, 2)
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

t.test(
  'a store that held many records and is empty is a warning, also after a restart; they stay revoked',
  async (t) => {
    const lines: string[] = []
    const stream = { write: (line: string) => lines.push(line) }
    const logger = createLogging({ level: 'warn', format: 'json', stream })('Test')
    const many = Array.from({ length: 100 }, (_, n) => token(`t${n}`))
    for (const lastListing of [undefined, { records: 100 }]) {
      lines.length = 0
      const s = setUp({ realtimeToo: false, logger, ...(lastListing === undefined ? {} : { lastListing }) })
      const answer = async (records: RevocationRecord[]) => {
        ;(await s.store.next()).resolve(records)
        await s.settle()
        s.clock.advance(60_000)
      }
      if (lastListing === undefined) await answer(many)
      for (let times = 0; times < 3; times++) await answer([])
      t.match(lines, [/"before":100,"msg":"the store is now empty; what it held stays revoked"/])
      t.match(s.synchronizer.state().sources, [{ role: 'store', status: 'live', detail: /empty; .* 100 revocations/ }])
      t.ok(s.isKnown())
      await answer([token('one')])
      t.equal(s.synchronizer.state().sources[0]?.detail, undefined)
      await answer([])
      t.equal(lines.length, 1, 'one record may well have ended')
    }
  },
)
