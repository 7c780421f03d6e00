import { describeError } from '../../../logging/index.js'
import { type RevocationSink, StoreError } from '../../source.js'
import { confirming } from '../etcd/confirming.js'
import { noteGap, noteWatch } from '../etcd/revisions.js'
import { ERROR, errorCode, statusError } from './error.js'
import { type Directory, keyPath } from './keys.js'
import type { EtcdV2 } from './store.js'

/** Below the tokens' directory, and hidden: no token's. etcd looks for it, and answers that it is not there. */
const NO_TOKEN = '_mgw'
const MAX_ANSWER = 64 * 1024

interface Place {
  readonly from: number
  readonly server: string | undefined
}

/**
 * Several polls make one state: live when all are, and a gap when one is cut, or when a server that is polled falls behind the
 * cluster: a member that is cut off, or can't write its log, goes on to answer polls, and delivers nothing.
 */
export class Liveness {
  readonly #etcd: EtcdV2
  readonly #sink: RevocationSink
  readonly #places = new Map<Directory, Place>()
  readonly #count: number
  #wasLive = false
  #broken = new AbortController()
  #index = 0

  /** @param count how many directories are watched */
  constructor(etcd: EtcdV2, count: number, sink: RevocationSink) {
    this.#etcd = etcd
    this.#count = count
    this.#sink = sink
  }

  /** Aborts the polls that are under way when their server has fallen behind; the reason is a {@link StoreError}. */
  get broken(): AbortSignal {
    return this.#broken.signal
  }

  /** A server that was asked had come as far: one that has not is behind. 0 after a gap. */
  get index(): number {
    return this.#index
  }

  /** Counts a directory as live that can't be watched. */
  goWithout(directory: Directory): void {
    this.#set(directory, { from: 0, server: undefined })
  }

  /** The directory is watched at a server from an index on. Rejects if the server can't confirm that it is up to date. */
  async up(directory: Directory, from: number, server: string, signal: AbortSignal): Promise<void> {
    if (this.#places.get(directory)?.server === server) return
    await this.#ask(server, signal)
    this.#set(directory, { from, server })
  }

  #set(directory: Directory, place: Place): void {
    const known = this.#places.get(directory)
    this.#places.set(directory, place)
    if (known !== undefined || this.#places.size < this.#count) return
    this.#sink.state('live')
    const latest = Math.max(...[...this.#places.values()].map((place) => place.from))
    noteWatch(this.#etcd.revisions, BigInt(latest), (reason) => this.#sink.resync(reason))
    this.#wasLive = true
  }

  down(directory: Directory, error: unknown): void {
    this.#places.delete(directory)
    this.#index = 0
    noteGap(this.#etcd.revisions)
    this.#sink.state(this.#wasLive ? 'gap' : 'failed', describeError(error))
  }

  /** Has the servers that are polled confirm, at intervals, that they are up to date. Resolves when the signal aborts. */
  async confirm(signal: AbortSignal): Promise<void> {
    const askAll = async () => {
      const servers = new Set([...this.#places.values()].flatMap(({ server = [] }) => server))
      await Promise.all([...servers].map((server) => this.#ask(server, signal)))
    }
    while (!signal.aborted) {
      try {
        await confirming(askAll, this.#etcd.confirmEvery, signal)
      } catch (error) {
        const broken = this.#broken
        this.#broken = new AbortController()
        broken.abort(error)
      }
    }
  }

  /** The error for a server that has not come as far as another answer said. */
  behind(server: string): StoreError {
    this.#etcd.connection.leave(server)
    return new StoreError('ERR_STORE_UNREACHABLE', `etcd at ${server} has fallen behind its cluster`)
  }

  /** A read that a majority of the cluster takes part in. */
  async #ask(server: string, signal: AbortSignal): Promise<void> {
    const { connection, timeout, tokens } = this.#etcd
    const path = `${keyPath(tokens + NO_TOKEN)}?quorum=true`
    try {
      const { status, index = 0, json } = await connection.call({ path, timeout, maxBytes: MAX_ANSWER, signal, server })
      if (status !== 200 && errorCode(json) !== ERROR.KEY_NOT_FOUND) throw statusError(server, status)
      this.#index = Math.max(this.#index, index)
    } catch (cause) {
      signal.throwIfAborted()
      if (cause instanceof StoreError && cause.code === 'ERR_STORE_CREDENTIALS') throw cause
      connection.leave(server)
      const message = `etcd at ${server} did not confirm that it is up to date with its cluster`
      throw new StoreError('ERR_STORE_UNREACHABLE', message, { cause })
    }
  }
}
