import { describeError, type Logger, scrub } from '../../../logging/index.js'
import type { RevocationRecord } from '../../../revocation/index.js'
import { Backoff, pause, startTimeSlice, systemClock, within } from '../../../time/index.js'
import { MalformedElements } from '../../message/index.js'
import { type PersistentStore, type RevocationSink, type SourceStatus, StoreError } from '../../source.js'
import { checkedRecord, type RecordProblem } from './record.js'
import type { CustomStore } from './store.js'

export interface GuardOptions {
  /** Names the store in errors. */
  readonly file: string
  /** Milliseconds within which the next record of a listing must come. */
  readonly recordTimeout: number
  /** Milliseconds until a listing must be whole. */
  readonly listTimeout: number
  readonly log: Logger
}

const STATES: ReadonlySet<SourceStatus> = new Set(['connecting', 'live', 'gap', 'failed'])
const MAX_TEXT = 200
const FIRST_DELAY = 1_000
const MAX_DELAY = 30_000
/** Milliseconds that a store's `close` may take. */
const CLOSE_TIMEOUT = 2_000

type Malformed = MalformedElements<RecordProblem>

/** Wraps a custom store: checks every record, bounds its listings in time, and restarts its watch. */
export function guardStore(store: CustomStore, options: GuardOptions): PersistentStore {
  const { name } = store
  let wasListed = false
  const malformed: Malformed = new MalformedElements({
    logger: options.log,
    warning: 'custom store returned invalid records',
  })
  return {
    name,
    list: (signal) => {
      wasListed = true
      return guardedList(store, options, malformed, signal)
    },
    malformed: () => malformed.report(),
    ...(store.watch === undefined
      ? {}
      : { watch: (sink, signal) => guardedWatch(store, malformed, sink, signal, () => wasListed) }),
    ...(store.put === undefined ? {} : { put: (record) => guardedPut(store, options, record) }),
    ...(store.keepsIssuers === true ? {} : { takes: namesNoIssuer }),
    ...(store.close === undefined ? {} : { close: () => guardedClose(store, options) }),
  }
}

function namesNoIssuer({ kind, iss }: RevocationRecord): boolean {
  return kind !== 'claims' && iss === undefined
}

async function* guardedList(
  store: CustomStore,
  options: GuardOptions,
  malformed: Malformed,
  signal: AbortSignal,
): AsyncIterable<RevocationRecord> {
  signal.throwIfAborted()
  const own = new AbortController() // tells the store that nobody reads on
  const slice = startTimeSlice()
  const steps = new Steps(options, signal)
  const bad = malformed.listing()
  let iterator: AsyncIterator<unknown> | undefined
  try {
    iterator = iteratorOf(store.list(own.signal), options.file)
    for (let index = 0; ; index++) {
      const { done, value } = await steps.next(iterator)
      if (done === true) break
      const { record, problem } = checkedRecord(value)
      if (problem !== undefined) bad.count(problem, `record ${index}`)
      if (record !== undefined) yield record
      if (slice.isOver()) await slice.yield()
    }
    bad.end()
  } catch (cause) {
    signal.throwIfAborted()
    if (cause instanceof StoreError) throw cause
    throw new StoreError('ERR_STORE_UNREACHABLE', `store module ${options.file}: list failed`, { cause })
  } finally {
    steps.end()
    own.abort()
    // Not awaited: a store that hangs would hang the listing that has given it up.
    Promise.resolve(iterator?.return?.()).catch(() => undefined)
  }
}

function iteratorOf(iterable: unknown, file: string): AsyncIterator<unknown> {
  if (typeof iterable === 'object' && iterable !== null && Symbol.asyncIterator in iterable) {
    return (iterable as AsyncIterable<unknown>)[Symbol.asyncIterator]()
  }
  throw new StoreError('ERR_STORE_MODULE', `store module ${file}: list(signal) must return an async iterable`)
}

/** The steps of a listing, each within its time and all of them within theirs. */
class Steps {
  readonly #signal: AbortSignal
  readonly #timers: readonly [step: NodeJS.Timeout, all: NodeJS.Timeout]
  readonly #aborted = () => this.#stop(this.#signal.reason)
  #reject: (reason: unknown) => void = () => undefined
  #stopped: { readonly reason: unknown } | undefined

  constructor({ file, recordTimeout, listTimeout }: GuardOptions, signal: AbortSignal) {
    const late = (what: string, ms: number) => () =>
      this.#stop(new StoreError('ERR_STORE_UNREACHABLE', `store module ${file}: ${what} within ${ms} ms`))
    this.#signal = signal
    this.#timers = [
      setTimeout(late('no record came', recordTimeout), recordTimeout),
      setTimeout(late('the list did not end', listTimeout), listTimeout),
    ]
    signal.addEventListener('abort', this.#aborted, { once: true })
  }

  next(iterator: AsyncIterator<unknown>): Promise<IteratorResult<unknown>> {
    this.#timers[0].refresh()
    return new Promise((resolve, reject) => {
      if (this.#stopped !== undefined) return reject(this.#stopped.reason)
      this.#reject = reject
      iterator.next().then(resolve, reject)
    })
  }

  end(): void {
    for (const timer of this.#timers) clearTimeout(timer)
    this.#signal.removeEventListener('abort', this.#aborted)
  }

  #stop(reason: unknown): void {
    this.#stopped = { reason }
    this.#reject(reason)
  }
}

/**
 * Restarts the watch when it ends by itself: that is a gap. Asks for a listing as it restarts, and for another if one was
 * begun before the watch is live, which its first call to the sink shows: a custom store need not say so.
 */
async function guardedWatch(
  store: CustomStore,
  malformed: Malformed,
  sink: RevocationSink,
  signal: AbortSignal,
  wasListed: () => boolean,
): Promise<void> {
  const backoff = new Backoff({ first: FIRST_DELAY, max: MAX_DELAY })
  while (!signal.aborted) {
    let cause: unknown
    let isLive = false
    const began = () => {
      if (!isLive && wasListed()) sink.resync('custom store watch started after a listing')
      isLive = true
    }
    try {
      await store.watch?.(checkedSink(sink, malformed, began), signal)
    } catch (error) {
      cause = error
    }
    if (signal.aborted) return
    sink.state('gap', cause === undefined ? 'its watch ended' : describeError(cause))
    await pause(backoff.next(), systemClock, signal)
    // The gap's listing has not what was revoked since; and a second gap in a row asks for none.
    if (!signal.aborted) sink.resync('custom store watch is begun again')
  }
}

/** @param live called after each sign that the watch is live */
function checkedSink(sink: RevocationSink, malformed: Malformed, live: () => void): RevocationSink {
  return {
    revoked(value) {
      const { record, problem } = checkedRecord(value)
      if (problem !== undefined) malformed.count(problem)
      if (record !== undefined) sink.revoked(record)
      live()
    },
    state(status, detail) {
      if (!STATES.has(status)) return
      sink.state(status, detail === undefined ? undefined : shortened(detail))
      if (status === 'live') live()
    },
    resync: (reason) => sink.resync(shortened(reason)),
  }
}

function shortened(text: unknown): string {
  return scrub(String(text)).slice(0, MAX_TEXT)
}

async function guardedPut(store: CustomStore, { file }: GuardOptions, record: RevocationRecord): Promise<void> {
  try {
    await store.put?.(record)
  } catch (cause) {
    if (cause instanceof StoreError) throw cause
    throw new StoreError('ERR_STORE_UNREACHABLE', `store module ${file}: put failed`, { cause })
  }
}

async function guardedClose(store: CustomStore, { file, log }: GuardOptions): Promise<void> {
  const closing = (async () => store.close?.())()
  try {
    await within(CLOSE_TIMEOUT, closing, () => new Error(`not within ${CLOSE_TIMEOUT} ms`))
  } catch (error) {
    log.warn('failed to close the custom store', { file, reason: describeError(error) })
  }
}
