import t from 'tap'
import { silent } from '../../src/logging/index.js'
import type { JSONValue, RevocationRecord } from '../../src/revocation/record.js'
import {
  type PersistentStore,
  PositionLost,
  type RealtimeSource,
  type RevocationSink,
} from '../../src/sources/source.js'
import type { SynchronizerOptions } from '../../src/sync/options.js'
import { Synchronizer } from '../../src/sync/synchronizer.js'
import { FakeClock } from '../time/fake-clock.js'

const NEVER = new Promise<void>(() => undefined)

/** One reading of the store, which a test answers. */
interface Reading {
  readonly kind: 'list' | 'catch up'
  readonly from?: JSONValue
  heard(): void
  end(...ids: string[]): void
  fail(error: Error): void
}

function setUp(
  options: Partial<SynchronizerOptions> & { topicToo?: boolean; without?: 'journalInSyncAt' | 'journalPosition' } = {},
) {
  const clock = new FakeClock()
  const readings: Reading[] = []
  async function* read(kind: Reading['kind'], from?: JSONValue, heard: () => void = () => undefined) {
    const ids = await new Promise<string[]>((resolve, reject) => {
      const reading = { kind, heard, end: (...ids: string[]) => resolve(ids), fail: reject }
      readings.push(from === undefined ? reading : { ...reading, from })
    })
    for (const id of ids) yield { kind: 'token', id, expiresAt: undefined } satisfies RevocationRecord
  }
  const store: PersistentStore = {
    name: 'store',
    list: () => read('list'),
    position: () => ({ at: 'new' }),
    catchUp: (from, heard) => read('catch up', from, heard),
  }
  const sinks: RevocationSink[] = []
  const realtime: RealtimeSource = {
    name: 'topic',
    run: (sink) => {
      sinks.push(sink)
      return NEVER
    },
  }
  const applied: string[] = []
  const marks: (JSONValue | undefined)[] = []
  const { topicToo = false, without, ...rest } = options
  const synchronizer = new Synchronizer({
    target: { apply: ({ id }) => applied.push(id ?? ''), inSync: (_, position) => marks.push(position) },
    store,
    ...(topicToo ? { realtime } : {}),
    failurePolicy: 'closed',
    startupGrace: 5_000,
    maxStaleness: 0,
    refreshInterval: 60_000,
    ...(without === 'journalInSyncAt' ? {} : { journalInSyncAt: clock.now() - 1_000 }),
    ...(without === 'journalPosition' ? {} : { journalPosition: { at: 'old' } }),
    logger: silent('test'),
    clock,
    ...rest,
  })
  t.teardown(() => void synchronizer.stop())
  synchronizer.start()
  const settle = async () => {
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
  }
  const next = async () => {
    await settle()
    const reading = readings.shift()
    if (reading === undefined) throw new Error('the store was not read')
    return reading
  }
  return {
    clock,
    synchronizer,
    applied,
    marks,
    sinks,
    readings,
    next,
    settle,
    isKnown: () => synchronizer.knownUntil > 0,
  }
}

t.test('a store is caught up with from the journal’s position, and then listed at once', async (t) => {
  const { next, settle, isKnown, applied, marks, synchronizer } = setUp()
  const first = await next()
  t.match(first, { kind: 'catch up', from: { at: 'old' } })
  t.notOk(isKnown())
  first.end('meanwhile')
  await settle()
  t.ok(isKnown())
  t.match(synchronizer.state().reason, /the journal, and what the store has got since/)
  t.strictSame(marks, [undefined], 'what was overlooked is not passed on with a new position')
  const second = await next()
  t.equal(second.kind, 'list')
  second.end('meanwhile', 'overlooked')
  await settle()
  t.strictSame(applied, ['meanwhile', 'meanwhile', 'overlooked'])
  t.strictSame(marks, [undefined, { at: 'new' }])
})

t.test('a lost position makes the same attempt list the store', async (t) => {
  const { next, settle, isKnown } = setUp()
  ;(await next()).fail(new PositionLost('restored'))
  await settle()
  t.notOk(isKnown())
  const listing = await next()
  t.equal(listing.kind, 'list')
  listing.end()
  await settle()
  t.ok(isKnown())
})

t.test('a store that fails during a catch-up does not make the list known', async (t) => {
  const { next, settle, isKnown, clock, readings } = setUp({ startupGrace: 60_000 })
  ;(await next()).fail(new Error('cut'))
  await settle()
  t.notOk(isKnown())
  while (readings.length === 0) {
    clock.advance(100)
    await settle()
  }
  t.equal((await next()).kind, 'catch up', 'the position is as good as before')
})

t.test('a store that cannot catch up is listed', async (t) => {
  const { next, settle, isKnown, clock, readings } = setUp({ startupGrace: 600_000 })
  const kinds: string[] = []
  while (kinds.length < 8 && !kinds.includes('list')) {
    while (readings.length === 0) {
      clock.advance(100)
      await settle()
    }
    const reading = await next()
    kinds.push(reading.kind)
    if (reading.kind === 'list') reading.end('meanwhile')
    else reading.fail(new Error('too much at once'))
  }
  await settle()
  t.ok(kinds.includes('list'), kinds.join(', '))
  t.ok(isKnown())
})

t.test('only what began after the topic was tried makes the list known', async (t) => {
  const { next, settle, isKnown, sinks, synchronizer } = setUp({ topicToo: true })
  synchronizer.requestListing('asked for')
  const early = await next()
  sinks[0]?.state('live')
  early.end()
  await settle()
  t.notOk(isKnown())
  const first = await next()
  t.equal(first.kind, 'catch up')
  first.end()
  await settle()
  t.ok(isKnown())
  t.equal((await next()).kind, 'list')
})

t.test('the journal does not stand in while the store answers, however little is new in it', async (t) => {
  const { next, settle, isKnown, clock } = setUp()
  const reading = await next()
  for (let second = 0; second < 20; second++) {
    clock.advance(1_000)
    reading.heard()
    await settle()
    t.notOk(isKnown())
  }
  clock.advance(5_001)
  await settle()
  t.ok(isKnown(), 'one that says nothing any more is none')
})

t.test('without a journal that is recent enough, or a position in it, the store is listed', async (t) => {
  for (const missing of ['journalInSyncAt', 'journalPosition'] as const) {
    const { next } = setUp({ without: missing })
    t.equal((await next()).kind, 'list', missing)
  }
})

t.test('serveWhileListing serves from a recent journal at once, and reads the store', async (t) => {
  const { next, isKnown, synchronizer } = setUp({ serveWhileListing: true, topicToo: true })
  t.ok(isKnown())
  t.match(synchronizer.state().reason, /serveWhileListing/)
  synchronizer.requestListing('asked for')
  t.equal((await next()).kind, 'catch up')

  const old = setUp({ serveWhileListing: true, without: 'journalInSyncAt' })
  t.notOk(old.isKnown(), 'no recent journal')
  const stale = setUp({ serveWhileListing: true, maxStaleness: 500 })
  t.notOk(stale.isKnown(), 'older than maxStaleness')
})
