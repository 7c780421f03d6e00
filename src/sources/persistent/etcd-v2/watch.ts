import { retrying, systemClock } from '../../../time/index.js'
import { type RevocationSink, StoreError } from '../../source.js'
import { leavesOf } from './answer.js'
import type { EtcdAnswer } from './connection.js'
import { ERROR, errorCode, statusError } from './error.js'
import { type Directory, keyPath } from './keys.js'
import { Liveness } from './liveness.js'
import type { EtcdV2 } from './store.js'

const FIRST_DELAY = 100
const MAX_DELAY = 2_000
const MAX_EVENT = 4 * 1024 * 1024
/** The root tells of every program's keys: after so many times that etcd had forgotten some first, it is not watched. */
const MAX_OUTRUN = 3
/** The actions that write a key. The others remove one, which un-revokes nothing. */
const WRITES = new Set(['set', 'create', 'update', 'compareAndSwap'])

/**
 * Watches until `signal` aborts, by one long poll at a time for each directory, reconnecting by itself. It starts where
 * the last listing ended, and resumes where it was cut. Says `gap` and `live` for each reconnection, and asks for a
 * listing when etcd, which remembers 1,000 events, has forgotten some.
 */
export async function watchDirectories(etcd: EtcdV2, sink: RevocationSink, signal: AbortSignal): Promise<void> {
  const watch = async (directories: readonly Directory[]) => {
    const live = new Liveness(etcd, directories.length, sink)
    const over = new AbortController()
    const confirming = live.confirm(AbortSignal.any([signal, over.signal]))
    const polls = directories.map((directory) => new DirectoryWatch(etcd, directory, sink, live).run(signal))
    const outcomes = await Promise.all(polls)
    over.abort()
    await confirming
    return outcomes
  }
  const [root, ...others] = etcd.directories
  if (root?.name !== 'root') return void (await watch(etcd.directories))
  // One poll of the root covers all directories, and delivers each event once.
  const read: Directory['read'] = (leaf, now) => {
    for (const each of etcd.directories) {
      const record = each.read(leaf, now)
      if (record !== undefined) return record
    }
    return undefined
  }
  const [outcome] = await watch([{ ...root, read }])
  if (outcome === 'given up') await watch(others)
}

class DirectoryWatch {
  readonly #etcd: EtcdV2
  readonly #directory: Directory
  readonly #sink: RevocationSink
  readonly #live: Liveness
  /** The first index that has not been seen; `undefined` for whatever comes next. */
  #from: number | undefined
  #outrun = 0
  /** Why a listing is needed as soon as the watch is live again. */
  #missed: string | undefined

  constructor(etcd: EtcdV2, directory: Directory, sink: RevocationSink, live: Liveness) {
    this.#etcd = etcd
    this.#directory = directory
    this.#sink = sink
    this.#live = live
  }

  /** Ends with the signal, or when a directory can't be watched without which it goes on. */
  async run(signal: AbortSignal): Promise<'aborted' | 'given up'> {
    const { listed } = this.#etcd.revisions
    this.#from = listed === undefined ? undefined : Number(listed) + 1
    const follow = async (worked: () => void) => {
      while (!signal.aborted) {
        if ((await this.#poll(signal)) === 'given up') return 'given up'
        worked()
      }
      return 'aborted'
    }
    const limits = { first: FIRST_DELAY, max: MAX_DELAY }
    const failed = (reason: unknown) => this.#live.down(this.#directory, reason)
    return (await retrying(follow, { limits, clock: systemClock, signal, failed })) ?? 'aborted'
  }

  /** One long poll: until an event comes, or `pollTimeout`. */
  async #poll(signal: AbortSignal): Promise<'polled' | 'given up'> {
    const { timeout, pollTimeout } = this.#etcd
    const poll = new AbortController()
    const abort = () => poll.abort()
    const late = () => setImmediate(abort) // after a standstill the event waits to be read: timers come first
    const ends = [signal, this.#live.broken]
    for (const each of ends) each.addEventListener('abort', abort, { once: true })
    const { index: reached } = this.#live
    let timer = setTimeout(late, timeout)
    try {
      const answer = await this.#ask(poll.signal)
      if (answer.status !== 200) return await this.#refused(answer)
      if (answer.index === undefined) throw new StoreError('ERR_STORE_ANSWER', 'etcd answered without its index')
      clearTimeout(timer)
      if (answer.index < reached) throw this.#live.behind(answer.server)
      if (!(await this.#begun(answer.index, answer.server, poll.signal))) return 'polled'
      timer = setTimeout(late, pollTimeout)
      await this.#wait(answer, answer.index, poll.signal)
      for (const each of ends) each.throwIfAborted()
      return 'polled'
    } catch (error) {
      if (!poll.signal.aborted) throw error
      for (const each of ends) each.throwIfAborted()
      throw new StoreError('ERR_STORE_UNREACHABLE', `etcd did not answer within ${timeout} ms`)
    } finally {
      clearTimeout(timer)
      for (const each of ends) each.removeEventListener('abort', abort)
      poll.abort()
    }
  }

  #ask(signal: AbortSignal): Promise<EtcdAnswer> {
    const { connection, timeout, pollTimeout } = this.#etcd
    const from = this.#from === undefined ? '' : `&waitIndex=${this.#from}`
    return connection.open({
      path: `${keyPath(this.#directory.path)}?wait=true&recursive=true${from}`,
      timeout: 2 * timeout + pollTimeout, // the poll's own timers end it first
      maxBytes: MAX_EVENT,
      signal,
    })
  }

  /** A server has the watch, and was at `index` then. Says whether its answer is worth waiting for. */
  async #begun(index: number, server: string, signal: AbortSignal): Promise<boolean> {
    if (this.#from !== undefined && this.#from > index + 1) {
      // An etcd that lost its data counts from 1 again, and would be silent until it reached this index.
      this.#missed = 'etcd has lost its data'
      this.#from = undefined
      return false
    }
    this.#from ??= index + 1
    await this.#live.up(this.#directory, this.#from, server, signal)
    if (this.#missed !== undefined) this.#sink.resync(this.#missed)
    this.#missed = undefined
    return true
  }

  async #wait(answer: EtcdAnswer, index: number, signal: AbortSignal): Promise<void> {
    let event: unknown
    try {
      event = await this.#etcd.connection.read(answer)
    } catch (error) {
      if (!signal.aborted) throw error
      // No event in time. etcd had looked for one up to that index, and has waited for later ones since.
      this.#from = Math.max(this.#from ?? 0, index + 1)
      return
    }
    this.#event(event)
  }

  #event(json: unknown): void {
    if (typeof json !== 'object' || json === null || !('node' in json) || !('action' in json)) throw noEvent()
    const { node, action } = json
    const index = typeof node === 'object' && node !== null && 'modifiedIndex' in node ? node.modifiedIndex : undefined
    if (typeof index !== 'number') throw noEvent()
    if (typeof action === 'string' && WRITES.has(action)) {
      for (const leaf of leavesOf(node)) {
        const record = this.#directory.read(leaf, Date.now())
        if (record !== undefined) this.#sink.revoked(record)
      }
    }
    this.#from = index + 1
  }

  async #refused(answer: EtcdAnswer): Promise<'polled' | 'given up'> {
    if (errorCode(await this.#etcd.connection.read(answer)) === ERROR.INDEX_CLEARED) {
      this.#missed = 'etcd no longer has the events that the watch needs'
      this.#from = undefined
      if (this.#directory.name !== 'root' || ++this.#outrun < MAX_OUTRUN) return 'polled'
      this.#etcd.outrun()
      return 'given up'
    }
    const error = statusError(answer.server, answer.status)
    if (this.#directory.name === 'tokens' || error.code !== 'ERR_STORE_CREDENTIALS') throw error
    this.#etcd.unreadable(this.#directory)
    if (this.#directory.name !== 'root') this.#live.goWithout(this.#directory)
    return 'given up'
  }
}

function noEvent(): StoreError {
  return new StoreError('ERR_STORE_ANSWER', 'etcd answered with an invalid event')
}
