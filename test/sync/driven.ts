import { silent } from '../../src/logging/index.js'
import type { RevocationRecord } from '../../src/revocation/record.js'
import type { PersistentStore, RealtimeSource, RevocationSink } from '../../src/sources/source.js'
import type { SynchronizerOptions } from '../../src/sync/options.js'
import { Synchronizer } from '../../src/sync/synchronizer.js'
import { FakeClock } from '../time/fake-clock.js'

export const NEVER = new Promise<void>(() => undefined)

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

/** A synchronizer whose sources and clock a test drives. */
export function setUp(
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
      apply: (record) => applied.push(record.id ?? ''),
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

export const token = (id: string): RevocationRecord => ({ kind: 'token', id, expiresAt: undefined })
