import { constants, fstatSync, openSync, write, writeSync } from 'node:fs'
import { hasCode } from '../error-code.js'

/** Bytes that a pipe takes whole (POSIX's PIPE_BUF, as Linux has it): lines of several workers do not run into each other. */
const ATOMIC_WRITE = 4_096
/** Bytes that wait for a slow reader. What comes beyond is left out: a log that nobody reads must not fill the memory. */
const MAX_WAITING = 4_194_304
/** After how long a full pipe is tried again, ms. */
const RETRY_AFTER = 50
/** How long the process's end waits for a reader, ms. */
const LAST_WAIT = 1_000

/**
 * The process's standard output, for lines. Does not block the event loop, holds a bounded number of bytes, and writes what
 * is left when the process exits, unless the reader has gone or is stuck: then the process exits without them.
 */
export class StandardOutput {
  readonly #onLeftOut: (lines: number) => void
  readonly #fd = standardOutput()
  /** Lines, put together up to {@link ATOMIC_WRITE}. */
  readonly #waiting: string[] = []
  #lastBytes = 0
  #first: Buffer | undefined
  /** When the write that is under way began. */
  #writingSince: number | undefined
  #bytes = 0
  #leftOut = 0
  #closed = false

  /** @param onLeftOut is told, once there is space again, how many lines were left out */
  constructor(onLeftOut: (lines: number) => void) {
    this.#onLeftOut = onLeftOut
    process.once('exit', () => this.#flush())
  }

  write(line: string): void {
    if (this.#closed) return
    const bytes = Buffer.byteLength(line)
    if (this.#bytes + bytes > MAX_WAITING) {
      this.#leftOut++
      return
    }
    this.#bytes += bytes
    if (this.#waiting.length > 0 && this.#lastBytes + bytes <= ATOMIC_WRITE) {
      this.#waiting[this.#waiting.length - 1] += line
      this.#lastBytes += bytes
    } else {
      this.#waiting.push(line)
      this.#lastBytes = bytes
    }
    if (this.#first === undefined) this.#next()
  }

  #next(): void {
    const next = this.#waiting.shift()
    this.#first = next === undefined ? undefined : Buffer.from(next)
    if (this.#first !== undefined) this.#write(this.#first)
  }

  #write(chunk: Buffer): void {
    this.#writingSince = performance.now()
    write(this.#fd, chunk, (error, written) => {
      this.#writingSince = undefined
      if (error === null) this.#written(chunk, written)
      else if (hasCode(error, 'EAGAIN')) setTimeout(() => this.#write(chunk), RETRY_AFTER).unref()
      else if (hasCode(error, 'EPIPE')) this.#close()
      else this.#written(chunk, chunk.length) // a full disk may have space for the next
    })
  }

  #written(chunk: Buffer, bytes: number): void {
    this.#bytes -= bytes
    if (bytes < chunk.length) {
      this.#first = chunk.subarray(bytes)
      return this.#write(this.#first)
    }
    this.#next()
    if (this.#leftOut === 0 || this.#bytes > MAX_WAITING / 2) return
    const lines = this.#leftOut
    this.#leftOut = 0
    this.#onLeftOut(lines)
  }

  /** The reader has gone: there is nobody to tell. */
  #close(): void {
    this.#closed = true
    this.#waiting.length = 0
  }

  #flush(): void {
    if (this.#closed) return
    const began = performance.now()
    // A write that is under way ends by itself, unless nobody reads.
    if (this.#writingSince !== undefined && began - this.#writingSince > LAST_WAIT) return
    const first = this.#writingSince === undefined && this.#first !== undefined ? [this.#first] : []
    let rest = Buffer.concat([...first, Buffer.from(this.#waiting.join(''))])
    while (rest.length > 0) {
      try {
        rest = rest.subarray(writeSync(this.#fd, rest, 0, Math.min(rest.length, ATOMIC_WRITE)))
      } catch (error) {
        const full = hasCode(error, 'EAGAIN')
        if (!full || performance.now() - began > LAST_WAIT) return
        Atomics.wait(PAUSE, 0, 0, 10)
      }
    }
  }
}

const PAUSE = new Int32Array(new SharedArrayBuffer(4))

/**
 * Makes it one that does not block, where it is a pipe or a socket: a thread that is blocked in a write keeps the process from
 * exiting. A pipe is opened again for that, so that it stays blocking for others that share it.
 */
function standardOutput(): number {
  try {
    const stats = fstatSync(1)
    if (stats.isFIFO()) return openSync('/dev/fd/1', constants.O_WRONLY | constants.O_NONBLOCK)
    if (stats.isSocket()) void process.stdout // which Node opens in this way
  } catch {
    // closed, without a reader, or another user's pipe
  }
  return 1
}
