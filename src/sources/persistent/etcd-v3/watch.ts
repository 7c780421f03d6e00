import type { Etcd3 } from 'etcd3'
import { describeError } from '../../../logging/index.js'
import { Backoff, pause, systemClock } from '../../../time/index.js'
import { type RevocationSink, StoreError } from '../../source.js'
import { CONFIRM_EVERY, confirming } from '../etcd/confirming.js'
import { noteGap, noteWatch, type Revisions } from '../etcd/revisions.js'
import { type ConnectionOptions, EtcdConnection } from './connection.js'
import { etcdError } from './error.js'
import type { KeyRange } from './keys.js'
import { type WatchPlace, WatchStream } from './watch-stream.js'

export interface WatchOptions {
  readonly connect: ConnectionOptions
  readonly ranges: readonly KeyRange[]
  readonly revisions: Revisions
  /** Milliseconds between two confirmations that the watch misses nothing. Default 5 s. */
  readonly confirmEvery?: number | undefined
  /** The user may watch the tokens, but not the records beside them. */
  unreadable(): void
}

const FIRST_DELAY = 100
const MAX_DELAY = 2_000
/** Streams in a row that ended before anything came: what they were to resume from may be what ends them. */
const MAX_BARREN = 2

/**
 * Watches until `signal` aborts, reconnecting by itself. It starts where the last listing ended, and resumes where it
 * was cut. Says `gap` and `live` for each reconnection, and asks for a listing of what it can't deliver.
 */
export async function watchRanges(options: WatchOptions, sink: RevocationSink, signal: AbortSignal): Promise<void> {
  const watch = new Watch(options, sink, signal)
  const backoff = new Backoff({ first: FIRST_DELAY, max: MAX_DELAY }, Math.random)
  while (!signal.aborted) {
    try {
      const stream = await watch.begin()
      backoff.reset()
      await watch.follow(stream)
    } catch (error) {
      if (signal.aborted) break
      sink.state(watch.wasLive ? 'gap' : 'failed', describeError(error))
    }
    await pause(backoff.next(), systemClock, signal)
  }
  watch.close()
}

class Watch {
  readonly #options: WatchOptions
  readonly #sink: RevocationSink
  readonly #signal: AbortSignal
  readonly #connection: EtcdConnection
  readonly #places: readonly WatchPlace[]
  #barren = 0
  wasLive = false

  constructor(options: WatchOptions, sink: RevocationSink, signal: AbortSignal) {
    this.#options = options
    this.#sink = sink
    this.#signal = signal
    this.#connection = new EtcdConnection(options.connect) // its own: a call that fails must not end the watch
    this.#places = options.ranges.map((range) => ({ range, from: undefined }))
  }

  /** Connects, and tells the sink once nothing is missed any more. */
  async begin(): Promise<WatchStream> {
    const { revisions, unreadable, connect } = this.#options
    const present = await this.#presentRevision()
    if (this.#barren >= MAX_BARREN) for (const place of this.#places) place.from = undefined
    const start = (this.wasLive ? present : (revisions.listed ?? present)) + 1n
    let lost = false
    for (const place of this.#places) {
      place.from ??= start
      if (place.from <= present + 1n) continue
      lost = true // an etcd that lost its data counts from 1 again, and would be silent until it reached this revision
      place.from = present + 1n
    }
    const stream = await WatchStream.open(this.#connection, this.#sink, unreadable)
    try {
      const from = this.#places[0]?.from ?? start
      await stream.watch(this.#places, connect.timeout)
      this.#live(from, lost)
      return stream
    } catch (error) {
      stream.close()
      throw error
    }
  }

  /** Throws when the stream ends, or its server falls behind the cluster; ends it with the signal. */
  async follow(stream: WatchStream): Promise<void> {
    const { confirmEvery = CONFIRM_EVERY } = this.#options
    const over = new AbortController()
    const abort = () => stream.close()
    this.#signal.addEventListener('abort', abort, { once: true })
    if (this.#signal.aborted) abort()
    try {
      await Promise.race([
        stream.ended,
        confirming(() => this.#confirm(stream, over.signal), confirmEvery, over.signal),
      ])
    } catch (error) {
      if (error instanceof StoreError && error.code === 'ERR_STORE_UNREACHABLE') this.#connection.leave()
      throw error
    } finally {
      over.abort()
      this.#signal.removeEventListener('abort', abort)
      stream.close()
      this.#barren = stream.progressed ? 0 : this.#barren + 1
      noteGap(this.#options.revisions)
    }
  }

  close(): void {
    void this.#connection.close()
  }

  #live(from: bigint, lost: boolean): void {
    this.#sink.state('live')
    noteWatch(this.#options.revisions, from, (reason) => this.#sink.resync(reason))
    if (lost) this.#sink.resync('etcd has lost its data')
    this.wasLive = true
  }

  /**
   * Has the server that is watched show that it has what a majority of the cluster has, and the stream that it has come as far:
   * a member that is cut off, or can't write its log, goes on to answer, and delivers nothing.
   */
  async #confirm(stream: WatchStream, signal: AbortSignal): Promise<void> {
    const { timeout } = this.#options.connect
    const { server } = this.#connection
    let revision: bigint
    try {
      revision = revisionOf(await this.#connection.callHere(this.#readPresent, signal))
    } catch (error) {
      const failed = etcdError(server, error)
      if (failed.code !== 'ERR_STORE_UNREACHABLE') throw failed
      throw behind(`etcd at ${server} did not confirm that it is up to date with its cluster`, error)
    }
    if (await stream.reaches(revision, timeout, signal)) return
    throw behind(`etcd at ${server}: the watch has fallen behind`)
  }

  /** A call, which unlike a stream also logs in again when the login has ended. */
  async #presentRevision(): Promise<bigint> {
    return revisionOf(await this.#connection.call(this.#readPresent, this.#signal))
  }

  /** A linearizable read: a majority takes part in it. */
  readonly #readPresent = (etcd: Etcd3) => {
    const key = this.#options.ranges[0]?.start ?? Buffer.of(0)
    return etcd.kv.range({ key, count_only: true })
  }
}

function revisionOf({ header }: { readonly header: { readonly revision: string } }): bigint {
  return BigInt(header.revision)
}

function behind(message: string, cause?: unknown): StoreError {
  return new StoreError('ERR_STORE_UNREACHABLE', message, { cause })
}
