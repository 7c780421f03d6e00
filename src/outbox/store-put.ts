import type { PendingPut } from '../journal/index.js'
import type { RevocationRecord } from '../revocation/index.js'
import type { Segment } from './segment.js'

/** A revocation that the store is to be told of, from when it is appended, or read back, to when it is done. */
export class StorePut implements PendingPut {
  readonly number: number
  readonly at: number
  readonly record: RevocationRecord
  /** Resolves when it is on disk; rejects, the first time that it can't be brought there. */
  readonly kept: Promise<void>
  /** Resolves when the store has taken it; rejects when that is not tried any more. */
  readonly taken: Promise<void>
  /** Where it is on disk. */
  segment: Segment | undefined
  /** Somebody has it in memory: it need not be read back. */
  isHeld: boolean
  /** It is on disk, or an outbox goes on trying to bring it there. */
  isInOutbox: boolean
  isDone = false
  readonly #kept = deferred()
  readonly #taken = deferred()

  constructor({ number, at, record }: PendingPut, isHeld: boolean, segment?: Segment) {
    this.number = number
    this.at = at
    this.record = record
    this.isHeld = isHeld
    this.segment = segment
    this.isInOutbox = segment !== undefined
    this.kept = this.#kept.promise
    this.taken = this.#taken.promise
    if (segment !== undefined) this.#kept.resolve()
  }

  /** Settles {@link kept}: resolves it, or rejects it with an error. Only the first call counts. */
  settleKept(error?: Error): void {
    if (error === undefined) this.#kept.resolve()
    else this.#kept.reject(error)
  }

  /** Settles {@link taken}, as {@link settleKept} does. */
  settleTaken(error?: Error): void {
    if (error === undefined) this.#taken.resolve()
    else this.#taken.reject(error)
  }
}

/** A promise that nobody has to wait for. */
function deferred(): { promise: Promise<void>; resolve: () => void; reject: (error: Error) => void } {
  let resolve: () => void = () => undefined
  let reject: (error: Error) => void = () => undefined
  const promise = new Promise<void>((resolved, rejected) => {
    resolve = resolved
    reject = rejected
  })
  promise.catch(() => undefined)
  return { promise, resolve, reject }
}
