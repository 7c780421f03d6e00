import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { describeError } from '../logging/index.js'
import { Backoff, type Clock, systemClock } from '../time/index.js'
import { JournalLocked, lock } from './lock.js'

/** Milliseconds between two attempts while another process holds the lock: what is learnt between its end and ours is in memory only. */
const LOCKED_RETRY = 100
/** Milliseconds before the first attempt after a failure, and at most between two: the disk is full, say. */
const RETRY_FIRST = 250
const RETRY_LAST = 2_000

export interface OwnershipOptions {
  readonly path: string
  /** Does what is to be done once the lock is held; what it throws is the reason why the journal is not owned yet. */
  readonly take: () => Promise<void>
  /** Told why, whenever an attempt fails. */
  readonly failed: (reason: string) => void
  readonly clock?: Clock
}

/** Claims a journal for this process, and goes on trying until it has it: another one may still drain, or a disk be full. */
export class Ownership {
  readonly #options: OwnershipOptions
  #release: (() => Promise<void>) | undefined
  #attempt: Promise<boolean> | undefined
  #isTaken = false
  #cancelRetry = () => {}
  readonly #backoff = new Backoff({ first: RETRY_FIRST, max: RETRY_LAST })
  #closed = false

  constructor(options: OwnershipOptions) {
    this.#options = options
  }

  /** Takes the lock, unless it is held already. Throws `JournalLocked`, or the file system's error. */
  async claim(): Promise<void> {
    const { path } = this.#options
    if (this.#release !== undefined) return
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    this.#release = await lock(path)
  }

  /** Tries now; later again, until it succeeds. Resolves with whether it has; never rejects. */
  attempt(): Promise<boolean> {
    this.#cancelRetry()
    this.#attempt ??= this.#try().finally(() => {
      this.#attempt = undefined
    })
    return this.#attempt
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#cancelRetry()
    await this.#attempt
    await this.#release?.().catch(() => undefined)
  }

  async #try(): Promise<boolean> {
    if (this.#isTaken || this.#closed) return this.#isTaken
    try {
      await this.claim()
      await this.#options.take()
      this.#isTaken = true
    } catch (error) {
      this.#options.failed(describeError(error))
      if (this.#closed) return false
      const isLocked = error instanceof JournalLocked
      const { clock = systemClock } = this.#options
      this.#cancelRetry = clock.after(isLocked ? LOCKED_RETRY : this.#backoff.next(), () => void this.attempt())
    }
    return this.#isTaken
  }
}
