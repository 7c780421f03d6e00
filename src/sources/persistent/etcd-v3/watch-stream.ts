import type { Etcd3, IWatchResponse } from 'etcd3'
import { pause, systemClock } from '../../../time/index.js'
import { type RevocationSink, StoreError } from '../../source.js'
import type { EtcdConnection } from './connection.js'
import { etcdError, failureOf } from './error.js'
import type { KeyRange } from './keys.js'
import type { KeyValue } from './range.js'

type Stream = Awaited<ReturnType<Etcd3['watchClient']['watch']>>

/** A range, and the revision that its watch goes on from. */
export interface WatchPlace {
  readonly range: KeyRange
  from: bigint | undefined
}

/** etcd's filter against events of deletion: they un-revoke nothing. */
const NO_DELETIONS = 1
/** The watch of which an answer to a request for progress is: none, or all. */
const NO_WATCH = '-1'
/** Milliseconds between two requests for progress: a server that is still to deliver something may pass over one. */
const PROGRESS_EVERY = 250

/** One stream of etcd's, with a watch for each range. */
export class WatchStream {
  readonly #server: string
  readonly #stream: Stream
  readonly #sink: RevocationSink
  readonly #unreadable: () => void
  readonly #delivered: (keys: readonly KeyValue[]) => void
  readonly #byId = new Map<string, WatchPlace>()
  #uncreated: WatchPlace[] = []
  #allCreated: () => void = () => undefined
  #fail: (error: Error) => void = () => undefined
  /** How far the server had come with what it sent last. */
  #seen = 0n
  #tellsProgress = false
  /** Whether anything has come but the watches' creation: if so, it can be resumed from there. */
  progressed = false
  /** Rejects when the stream is over, whatever the cause. */
  readonly ended: Promise<never>

  /**
   * Opens a stream.
   *
   * @param unreadable told that the user may watch the tokens, but not the records beside them
   * @param delivered told of the keys that have come, when their places have moved
   */
  static async open(
    connection: EtcdConnection,
    sink: RevocationSink,
    unreadable: () => void,
    delivered: (keys: readonly KeyValue[]) => void = () => undefined,
  ): Promise<WatchStream> {
    const stream = await connection.call((etcd) => etcd.watchClient.watch())
    return new WatchStream(stream, connection.server, sink, unreadable, delivered)
  }

  private constructor(
    stream: Stream,
    server: string,
    sink: RevocationSink,
    unreadable: () => void,
    delivered: (keys: readonly KeyValue[]) => void,
  ) {
    this.#delivered = delivered
    this.#stream = stream
    this.#server = server
    this.#sink = sink
    this.#unreadable = unreadable
    this.ended = new Promise<never>((_, reject) => {
      this.#fail = reject
    })
    this.ended.catch(() => undefined)
    stream.on('data', (response) => this.#receive(response))
    stream.on('error', (error) => this.#fail(etcdError(server, error)))
    stream.on('end', () => this.#fail(new StoreError('ERR_STORE_UNREACHABLE', `etcd at ${server} ended the watch`)))
  }

  /** The places that the user may watch. */
  get watched(): readonly WatchPlace[] {
    return [...this.#byId.values()]
  }

  /** Begins to watch the places from where they are. Resolves once etcd has all of the watches. */
  async watch(places: readonly WatchPlace[], timeout: number): Promise<void> {
    this.#uncreated = [...places]
    const created = new Promise<void>((resolve) => {
      this.#allCreated = resolve
    })
    for (const { range, from } of places) {
      const { start: key, end: range_end } = range
      const start_revision = String(from ?? 0n)
      const filters = [NO_DELETIONS]
      this.#stream.write({
        create_request: { key, range_end, start_revision, filters, progress_notify: true, fragment: true },
      })
    }
    const late = `etcd at ${this.#server} did not begin the watch within ${timeout} ms`
    const timer = setTimeout(() => this.#fail(new StoreError('ERR_STORE_UNREACHABLE', late)), timeout)
    await Promise.race([created, this.ended]).finally(() => clearTimeout(timer))
  }

  /**
   * Whether the stream shows within `timeout` ms that its server has come as far as a revision. Taken for granted of one that
   * never answers when it is asked how far it has come: etcd before 3.4 does not.
   */
  async reaches(revision: bigint, timeout: number, signal: AbortSignal): Promise<boolean> {
    const until = performance.now() + timeout
    while (this.#seen < revision && performance.now() < until && !signal.aborted) {
      this.#stream.write({ progress_request: {} })
      await pause(PROGRESS_EVERY, systemClock, signal)
    }
    return this.#seen >= revision || !this.#tellsProgress
  }

  close(reason: Error = new StoreError('ERR_STORE_UNREACHABLE', 'the watch was closed')): void {
    this.#fail(reason)
    this.#stream.cancel()
  }

  #receive(response: IWatchResponse): void {
    try {
      if (response.created) this.#begun(response)
      else if (response.canceled) this.#canceled(response)
      else this.#events(response)
    } catch (cause) {
      this.#fail(new StoreError('ERR_STORE_ANSWER', `etcd at ${this.#server} sent an invalid event`, { cause }))
    }
  }

  /** Watches are created in the order in which they were asked for. */
  #begun(response: IWatchResponse): void {
    const place = this.#uncreated.shift()
    if (place === undefined) return
    if (!response.canceled) this.#byId.set(response.watch_id, place)
    else if (place.range.name === 'records' && failureOf(response.cancel_reason) === 'permission') this.#unreadable()
    else this.#fail(etcdError(this.#server, new Error(response.cancel_reason)))
    if (this.#uncreated.length === 0) this.#allCreated()
  }

  #canceled(response: IWatchResponse): void {
    if (response.compact_revision !== '0') for (const place of this.#byId.values()) place.from = undefined
    const why =
      response.compact_revision === '0' ? 'canceled the watch' : 'compacted the revisions that the watch needs'
    const cause = response.cancel_reason === '' ? undefined : new Error(response.cancel_reason)
    this.#fail(new StoreError('ERR_STORE_STATUS', `etcd at ${this.#server} ${why}`, { cause }))
  }

  #events({ watch_id, events, header, fragment }: IWatchResponse): void {
    this.#seen = BigInt(header.revision)
    this.#tellsProgress ||= watch_id === NO_WATCH
    const place = this.#byId.get(watch_id)
    if (place === undefined) return
    this.progressed = true
    const now = Date.now()
    for (const { kv } of events) {
      const record = place.range.read(kv.key, kv.value, now)
      if (record !== undefined) this.#sink.revoked(record)
    }
    // The header's revision runs ahead of the events while a watch catches up; alone it is a notice of progress.
    const last = BigInt(events.at(-1)?.kv.mod_revision ?? header.revision)
    place.from = fragment ? last : last + 1n
    this.#delivered(events.map(({ kv }) => kv))
  }
}
