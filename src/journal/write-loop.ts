import { describeError, type Logger } from '../logging/index.js'

export interface WriteLoopOptions {
  /** Writes what waits. After a rejection it is called again. */
  readonly write: () => Promise<void>
  /** Called when a write has succeeded. */
  readonly written: () => void
  readonly logger: Logger
  /** Logged at the first failure in a row, and at the success that ends it. */
  readonly lines: { readonly failed: string; readonly recovered: string }
  /** Milliseconds between a failure and the next attempt. */
  readonly retryDelay: number
}

/** Runs writes one at a time: when they are due, and after a failure until one succeeds. */
export class WriteLoop {
  readonly #options: WriteLoopOptions
  #running: Promise<void> | undefined
  #cancel: (() => void) | undefined
  #error: string | undefined
  #isStopped = false

  constructor(options: WriteLoopOptions) {
    this.#options = options
  }

  /** Why the last attempt failed; `undefined` if it succeeded. */
  get error(): string | undefined {
    return this.#error
  }

  /** Writes after `delay` ms, unless a write is due anyway: after a failure, the retry. */
  schedule(delay: number): void {
    if (this.#cancel !== undefined || this.#isStopped) return
    const due = () => {
      this.#cancel = undefined
      void this.#run()
    }
    if (delay === 0) {
      const immediate = setImmediate(due)
      this.#cancel = () => clearImmediate(immediate)
    } else {
      const timer = setTimeout(due, delay).unref()
      this.#cancel = () => clearTimeout(timer)
    }
  }

  /** Resolves when a write that began after this call has ended, well or not: see {@link error}. */
  async flush(): Promise<void> {
    await this.#running
    await this.#run()
  }

  /** Something failed, in a write or beside it: a write that succeeds ends that. */
  failed(error: unknown): void {
    const { logger, lines, retryDelay } = this.#options
    if (this.#error === undefined) logger.error(lines.failed, error)
    this.#error = describeError(error)
    this.schedule(retryDelay)
  }

  /** Begins no further write. Resolves when the last one has ended. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#cancel?.()
    await this.#running
  }

  #run(): Promise<void> {
    if (this.#isStopped) return this.#running ?? Promise.resolve()
    this.#running ??= this.#write().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  async #write(): Promise<void> {
    const { write, written, logger, lines } = this.#options
    try {
      await write()
    } catch (error) {
      return this.failed(error)
    }
    if (this.#error !== undefined) logger.info(lines.recovered)
    this.#error = undefined
    written()
  }
}
