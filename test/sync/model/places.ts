import type { JSONValue, RevocationRecord } from '../../../src/revocation/record.js'
import {
  type ListingContext,
  type PersistentStore,
  PositionLost,
  type RealtimeSource,
  type RevocationSink,
} from '../../../src/sources/source.js'
import type { FakeClock } from '../../time/fake-clock.js'

/** Milliseconds after which a subscriber or a watch that lost its place tries to come back. */
export const RECONNECT = 2_300
/** Records that a listing yields before it waits for the next part. */
const PAGE = 3

/** Who is told, over a connection that delivers when the run says so. */
class Subscriber {
  readonly sink: RevocationSink
  inFlight: RevocationRecord[] = []
  status: 'live' | 'gap' | 'failed' | undefined

  constructor(sink: RevocationSink) {
    this.sink = sink
  }
}

/** What a place tells the run of. */
export interface PlaceEvents {
  /** A subscriber's status is another now; its sink is told next. */
  status?(status: 'live' | 'gap' | 'failed'): void
  delivered?(record: RevocationRecord): void
  listingBegan?(records: number): void
  /** @param isWhole it was read to its end */
  listingEnded?(isWhole: boolean, caughtUp: boolean): void
  resync?(): void
  /** A subscriber that was cut off, or could not subscribe at first, is live; its sink has been told. */
  returned?(): void
}

/** Delivers records to subscribers, loses what is in flight when it is cut, and keeps nothing. */
class Announcing {
  isUp = true
  readonly clock: FakeClock
  readonly connectingTakes: number
  readonly events: PlaceEvents
  readonly #subscribers = new Set<Subscriber>()

  constructor(clock: FakeClock, connectingTakes: number, events: PlaceEvents) {
    this.clock = clock
    this.connectingTakes = connectingTakes
    this.events = events
  }

  /** Follows it until the signal aborts; comes back by itself after every cut. */
  follow(sink: RevocationSink, signal: AbortSignal): Promise<void> {
    const subscriber = new Subscriber(sink)
    this.#subscribers.add(subscriber)
    if (this.connectingTakes === 0) this.#connect(subscriber)
    else this.clock.after(this.connectingTakes, () => this.#connect(subscriber))
    return new Promise((resolve) => {
      signal.addEventListener('abort', () => {
        this.#subscribers.delete(subscriber)
        resolve()
      })
    })
  }

  announce(record: RevocationRecord): void {
    for (const subscriber of this.#subscribers) if (subscriber.status === 'live') subscriber.inFlight.push(record)
  }

  /** Delivers what is in flight, in an order that `draw` decides, some of it twice. */
  deliver(draw: (below: number) => number): void {
    for (const subscriber of this.#subscribers) {
      while (subscriber.inFlight.length > 0) {
        const [record] = subscriber.inFlight.splice(draw(subscriber.inFlight.length), 1)
        if (record === undefined) break
        for (let times = 1 + draw(2); times > 0; times--) subscriber.sink.revoked(record)
        this.events.delivered?.(record)
      }
    }
  }

  /** What is in flight once more than it was sent. */
  repeat(): void {
    for (const subscriber of this.#subscribers) subscriber.inFlight.push(...subscriber.inFlight.slice(0, 5))
  }

  /** Tells the live ones that something was missed. */
  resync(): void {
    for (const { status, sink } of this.#subscribers) {
      if (status !== 'live') continue
      this.events.resync?.()
      sink.resync('batch')
    }
  }

  isInFlight(id: string): boolean {
    return [...this.#subscribers].some(({ inFlight }) => inFlight.some((record) => record.id === id))
  }

  cut(): void {
    this.isUp = false
    for (const subscriber of this.#subscribers) {
      subscriber.inFlight = []
      if (subscriber.status !== 'live') continue
      this.#tell(subscriber, 'gap')
      this.#tryLater(subscriber)
    }
  }

  #connect(subscriber: Subscriber): void {
    if (!this.#subscribers.has(subscriber)) return
    if (this.isUp) {
      const isFirst = subscriber.status === undefined
      this.#tell(subscriber, 'live')
      if (!isFirst) this.events.returned?.()
      return
    }
    this.#tell(subscriber, 'failed')
    this.#tryLater(subscriber)
  }

  #tell(subscriber: Subscriber, status: 'live' | 'gap' | 'failed'): void {
    if (status !== subscriber.status) this.events.status?.(status)
    subscriber.status = status
    subscriber.sink.state(status, 'as it is')
  }

  #tryLater(subscriber: Subscriber): void {
    this.clock.after(RECONNECT, () => this.#connect(subscriber))
  }
}

/** A topic: what it delivers nobody can ask for again. */
export class Topic extends Announcing implements RealtimeSource {
  readonly name = 'topic'

  run(sink: RevocationSink, signal: AbortSignal): Promise<void> {
    return this.follow(sink, signal)
  }
}

export interface ShelfOptions {
  /** Milliseconds that a listing takes. */
  readonly listingTakes: number
  readonly hasWatch: boolean
  /** Whether it tells what is new since an earlier listing. */
  readonly canCatchUp: boolean
  /** It says that nothing is new, whatever is. */
  readonly overlooks: boolean
  /** Whether a listing is spared if nothing has changed since the one that the gateway has a mark of. */
  readonly hasMarks: boolean
}

/** A store in memory. A listing holds what there was when it began, and fails when the store is cut before its end. */
export class Shelf {
  readonly records = new Map<string, RevocationRecord>()
  /** By id, the revision that put it last. */
  readonly #modified = new Map<string, number>()
  #revision = 0
  #history = 0
  readonly #announcing: Announcing
  readonly #options: ShelfOptions
  readonly #clock: FakeClock
  readonly #events: PlaceEvents
  /** Whether it lets itself be listed; a watch it always has. */
  listable = true
  #underWay = 0
  /** How many listings have been under way at one time, at most. */
  mostAtOnce = 0

  constructor(clock: FakeClock, options: ShelfOptions, events: PlaceEvents, watch: PlaceEvents) {
    this.#clock = clock
    this.#options = options
    this.#events = events
    this.#announcing = new Announcing(clock, 0, watch)
  }

  get isUp(): boolean {
    return this.#announcing.isUp
  }

  set isUp(isUp: boolean) {
    if (isUp) this.#announcing.isUp = true
    else this.#announcing.cut()
  }

  /** Whether a listing that begins now would succeed. */
  get canBeListed(): boolean {
    return this.isUp && this.listable
  }

  get watching(): Pick<Announcing, 'deliver' | 'repeat' | 'resync' | 'isInFlight'> {
    return this.#announcing
  }

  put(record: RevocationRecord): void {
    this.records.set(record.id ?? '', record)
    this.#modified.set(record.id ?? '', ++this.#revision)
    this.#announcing.announce(record)
  }

  /** Its past is another now, as after a restoration: nobody can say what is new since then. */
  rewrite(): void {
    this.#history++
  }

  /** Itself, as a gateway sees it. */
  store(): PersistentStore {
    let position: { history: number; revision: number } | undefined
    const list = (signal: AbortSignal, context?: ListingContext) => {
      const begun = { history: this.#history, revision: this.#revision }
      const mark = JSON.stringify(begun)
      const isUnchanged = this.#options.hasMarks && context?.since === mark
      const done = () => {
        position = begun
        if (isUnchanged) context?.unchanged()
        else if (this.#options.hasMarks) context?.mark(mark)
      }
      return this.#list(signal, isUnchanged ? [] : [...this.records.values()], done)
    }
    const catchUp = (from: JSONValue, heard: () => void, signal: AbortSignal) => {
      const { history, revision } = Object(from) as { history?: number; revision?: number }
      if (history !== this.#history) throw new PositionLost('rewritten')
      heard()
      const isNew = ({ id }: RevocationRecord) => (this.#modified.get(id ?? '') ?? 0) > Number(revision)
      const found = this.#options.overlooks ? [] : [...this.records.values()].filter(isNew)
      return this.#list(signal, found)
    }
    const catchingUp = this.#options.canCatchUp ? { position: () => position, catchUp } : {}
    if (!this.#options.hasWatch) return { name: 'store', list, ...catchingUp }
    const watch = (sink: RevocationSink, signal: AbortSignal) => this.#announcing.follow(sink, signal)
    return { name: 'store', list, watch, ...catchingUp }
  }

  /** @param done called when all of it was read; absent if it was not all that there is */
  async *#list(
    signal: AbortSignal,
    all: readonly RevocationRecord[],
    done?: () => void,
  ): AsyncIterable<RevocationRecord> {
    this.#events.listingBegan?.(all.length)
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#underWay)
    let isWhole = false
    try {
      for (let at = 0; at === 0 || at < all.length; at += PAGE) {
        if (!this.listable) throw new Error('denied')
        if (!this.isUp || signal.aborted) throw new Error('the store is down')
        yield* all.slice(at, at + PAGE)
        await this.#wait(this.#options.listingTakes / Math.max(1, Math.ceil(all.length / PAGE)), signal)
      }
      if (!this.isUp) throw new Error('the store is down')
      isWhole = true
      done?.()
    } finally {
      this.#underWay--
      this.#events.listingEnded?.(isWhole, done === undefined)
    }
  }

  #wait(ms: number, signal: AbortSignal): Promise<void> {
    if (ms === 0) return Promise.resolve()
    return new Promise((resolve) => {
      const over = () => {
        signal.removeEventListener('abort', over)
        resolve()
      }
      this.#clock.after(ms, over)
      signal.addEventListener('abort', over)
    })
  }
}
