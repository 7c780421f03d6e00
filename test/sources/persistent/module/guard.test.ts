import { EventEmitter, once } from 'node:events'
import t, { type Test } from 'tap'
import { createLogging, silent } from '../../../../src/logging/index.js'
import type { RevocationRecord } from '../../../../src/revocation/record.js'
import { type GuardOptions, guardStore } from '../../../../src/sources/persistent/module/guard.js'
import type { CustomStore } from '../../../../src/sources/persistent/module/store.js'
import type { PersistentStore, RevocationSink } from '../../../../src/sources/source.js'
import { Synchronizer } from '../../../../src/sync/index.js'
import { within } from '../../../../src/time/index.js'
import { failure, listed, startWatch, token } from '../contract.js'

t.test('a listing that fails, hangs or never ends does so in bounded time', async (t) => {
  const limits = { recordTimeout: 100, listTimeout: 300 }
  const never = new Promise<void>(() => undefined)
  const lists: Record<string, () => AsyncIterable<RevocationRecord>> = {
    fails: () => oneAfter(Promise.reject(new Error('table is gone'))),
    hangs: () => oneAfter(never),
    async *'never ends'() {
      for (;;) {
        await new Promise((go) => setTimeout(go, 1))
        yield token('x', undefined)
      }
    },
  }
  for (const [title, list] of Object.entries(lists)) {
    t.match(await failure(listed(guarded({ list }, limits))), { code: 'ERR_STORE_UNREACHABLE' }, title)
  }
  const none = guarded({ list: () => [] as unknown as AsyncIterable<RevocationRecord> })
  t.match(await failure(listed(none)), { code: 'ERR_STORE_MODULE', message: /must return an async iterable/ })

  const store = guarded({ list: () => oneAfter(never) })
  const caller = new AbortController()
  const next = store.list(caller.signal)[Symbol.asyncIterator]().next()
  caller.abort(new Error('shutting down'))
  t.match(await failure(next), { message: 'shutting down' })
})

t.test('a watch that delivers invalid records or ends is restarted', async (t) => {
  const lines: string[] = []
  const logging = createLogging({ level: 'warn', format: 'json', stream: { write: (line) => lines.push(line) } })
  const watch = async (sink: { [Call in keyof RevocationSink]-?: (...given: unknown[]) => unknown }) => {
    sink.state('sunny')
    sink.state('live', 5)
    sink.revoked({ kind: 'token', id: 7 })
    sink.revoked(null)
    sink.revoked({ kind: 'token', id: 'good' })
    sink.resync({})
    throw new Error('connection lost')
  }
  const store = guarded({ watch: watch as NonNullable<CustomStore['watch']> }, { log: logging('Store') })
  const running = startWatch(t, store)
  await running?.until(() => running.states.length === 2)
  t.strictSame(running?.states, ['live', 'gap'])
  t.match(running?.details[1], /connection lost/)
  t.strictSame(running?.records, [token('good', undefined)])
  t.equal(lines.length, 2, 'one line a reason')
  t.strictSame(store.malformed?.(), { malformed: { 'no-id': 1, 'not-an-object': 1 } })
  await running?.until(() => running.states.length === 4)
  t.equal(running?.records.length, 2, 'the second run delivers, too')
  t.strictSame(running?.states, ['live', 'gap', 'live', 'gap'])
  t.strictSame(running?.resyncs, ['[object Object]', 'custom store watch is begun again', '[object Object]'])
})

t.test('a watch that goes live after a listing asks for another, a restarted one too', async (t) => {
  const watches: { sink: RevocationSink; reject: (error: Error) => void }[] = []
  const begun = new EventEmitter()
  const store = guarded({
    watch: (sink, signal) =>
      new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => resolve())
        watches.push({ sink, reject })
        begun.emit('begun')
      }),
  })
  const watch = startWatch(t, store)
  watches[0]?.sink.state('live')
  t.strictSame(watch?.resyncs, [], 'nothing was listed: the first listing has it all')
  await listed(store)
  const second = once(begun, 'begun')
  watches[0]?.reject(new Error('connection lost'))
  await watch?.until(() => watch.states.at(-1) === 'gap')
  await second
  const asked = watch?.resyncs.length
  await listed(store) // what is revoked from here on is known to the watch only, once it is live
  watches[1]?.sink.state('connecting')
  t.equal(watch?.resyncs.length, asked)
  watches[1]?.sink.state('live')
  watches[1]?.sink.state('live')
  t.match(watch?.resyncs.slice(asked), [/started after a listing/])
  t.equal(watch?.resyncs.length, (asked ?? 0) + 1)
  t.strictSame(watch?.states, ['live', 'gap', 'connecting', 'live'])

  const late = startWatch(t, store)
  watches[2]?.sink.revoked(token('of a watch that never says that it is live', undefined))
  t.match(late?.resyncs, [/started after a listing/])
})

t.test('a custom watch restarted without a word is followed by a listing', async (t) => {
  const connects: CustomStore['watch'] = (_, signal) =>
    new Promise((resolve) => signal.addEventListener('abort', () => resolve()))
  await findsWhatIsRevokedBeforeTheSecondRun(t, connects)
})

t.test('a custom watch that can never connect is followed by a listing after each attempt', async (t) => {
  await findsWhatIsRevokedBeforeTheSecondRun(t, async () => {
    throw new Error('connection refused')
  })
})

/** The first run of the watch fails; `again` is the second. A token is revoked between them, after the listing at the gap. */
async function findsWhatIsRevokedBeforeTheSecondRun(t: Test, again: NonNullable<CustomStore['watch']>) {
  const records: RevocationRecord[] = []
  const events = new EventEmitter()
  let lost = false
  let runs = 0
  const store = guarded({
    async *list() {
      yield* [...records]
      if (lost) events.emit('listed')
    },
    async watch(sink, signal) {
      if (++runs > 1) return again(sink, signal)
      await new Promise((go) => setImmediate(go)) // the listing at the start is over
      lost = true
      throw new Error('connection lost')
    },
  })
  const synchronizer = new Synchronizer({
    store,
    target: { apply: ({ id }) => void events.emit('applied', id), inSync: () => undefined },
    failurePolicy: 'closed',
    startupGrace: 1_000,
    maxStaleness: 0,
    refreshInterval: 60_000,
    logger: silent('test'),
  })
  t.teardown(() => synchronizer.stop())
  const atTheGap = once(events, 'listed')
  synchronizer.start()
  await atTheGap
  t.equal(runs, 1)
  records.push(token('revoked meanwhile', undefined))
  const applied = within(10_000, once(events, 'applied'), () => new Error('not found within 10 s'))
  t.strictSame(await applied, ['revoked meanwhile'])
}

async function* oneAfter(first: Promise<void>): AsyncIterable<RevocationRecord> {
  await first
  yield token('x', undefined)
}

/** Guards a store that lists nothing and has whatever else is given. */
function guarded(parts: Partial<CustomStore>, options: Partial<GuardOptions> = {}): PersistentStore {
  const limits = { file: 'store.mjs', recordTimeout: 10_000, listTimeout: 10_000 }
  return guardStore({ name: 'x', async *list() {}, ...parts }, { ...limits, log: silent('test'), ...options })
}
