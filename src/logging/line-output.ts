import { closeSync, constants, fstatSync, openSync, write, writeSync } from 'node:fs'
import { hasCode } from '../error-code.js'

/** Bytes that a pipe takes whole (POSIX's PIPE_BUF, as Linux has it): lines of several workers do not run into each other. */
const ATOMIC_WRITE = 4_096
/** Bytes of one write to a file. What is appended by one write stays together, too. */
const FILE_WRITE = 65_536
/** Bytes that wait for a slow reader or disk. What comes beyond is left out: a log must not fill the memory. */
const MAX_WAITING = 4_194_304
/** After how long a full pipe is tried again, ms. */
const RETRY_AFTER = 50
/** How long the process's end waits for a reader, ms. */
const LAST_WAIT = 1_000
/** Its owner may write, its group may read. */
const MODE = 0o640

export interface LineOutputOptions {
  /** A file that lines are appended to; absent: standard output. */
  readonly file?: string | undefined
  /** Milliseconds for which a line waits for others that are written with it. Default 0. */
  readonly delay?: number
  /** Told, once there is space again, how many lines were left out, or could not be written. */
  readonly onLeftOut: (lines: number) => void
  /** Told at once why lines could not be written: again and again while that goes on. */
  readonly onFailed?: (error: Error) => void
}

/** Lines that are written together. */
interface Chunk {
  text: string
  bytes: number
  lines: number
}

/**
 * Standard output, or a file, for lines. Does not block the event loop, holds a bounded number of bytes, and writes what
 * is left when the process exits, unless the reader has gone or is stuck: then the process exits without them. Several
 * processes may write to one: a line stays whole.
 */
export class LineOutput {
  readonly #options: LineOutputOptions
  readonly #chunkBytes: number
  readonly #onExit = () => this.#flush()
  #fd: number
  /** What {@link reopen} has opened, for what is written next. */
  #reopened: number | undefined
  readonly #waiting: Chunk[] = []
  /** What is written now: the part that is left of it, and its lines. */
  #writing: { readonly rest: Buffer; readonly lines: number } | undefined
  /** When the write that is under way began. */
  #writingSince: number | undefined
  #timer: NodeJS.Timeout | undefined
  #bytes = 0
  /** Lines that {@link LineOutputOptions.onLeftOut} was not told of yet. */
  #leftOut = 0
  #dropped = 0
  #isOpen = true
  #onClosed: (() => void) | undefined

  /** Throws the file system's error for a file that cannot be opened. */
  constructor(options: LineOutputOptions) {
    this.#options = options
    this.#chunkBytes = options.file === undefined ? ATOMIC_WRITE : FILE_WRITE
    this.#fd = options.file === undefined ? standardOutput() : openSync(options.file, 'a', MODE)
    process.once('exit', this.#onExit)
  }

  /** Lines that were left out, or could not be written, since the start. */
  get dropped(): number {
    return this.#dropped
  }

  write(line: string): void {
    if (!this.#isOpen) return
    const bytes = Buffer.byteLength(line)
    if (this.#bytes + bytes > MAX_WAITING) return this.#leaveOut(1)
    this.#bytes += bytes
    const last = this.#waiting.at(-1)
    if (last !== undefined && last.bytes + bytes <= this.#chunkBytes) {
      last.text += line
      last.bytes += bytes
      last.lines++
    } else this.#waiting.push({ text: line, bytes, lines: 1 })
    if (this.#writing === undefined) this.#await()
  }

  /**
   * Opens the file by its name again: after a log rotation has renamed it, lines go to a new one. Throws the file system's
   * error, and goes on with the old one then. Standard output stays as it is.
   */
  reopen(): void {
    const { file } = this.#options
    if (file === undefined || !this.#isOpen) return
    const fd = openSync(file, 'a', MODE)
    if (this.#reopened !== undefined) closeSync(this.#reopened)
    this.#reopened = fd
  }

  /** Writes what waits, and takes nothing more. */
  async close(): Promise<void> {
    if (!this.#isOpen) return
    this.#isOpen = false
    await new Promise<void>((resolve) => {
      this.#onClosed = resolve
      if (this.#writing === undefined) this.#take()
    })
    process.off('exit', this.#onExit)
    if (this.#options.file === undefined) return
    closeSync(this.#fd)
    if (this.#reopened !== undefined) closeSync(this.#reopened)
  }

  /** Writes at once, when there is enough for one write, or after {@link LineOutputOptions.delay}. */
  #await(): void {
    const { delay = 0 } = this.#options
    if (delay === 0 || this.#waiting.length > 1) this.#take()
    else this.#timer ??= setTimeout(() => this.#take(), delay).unref()
  }

  #take(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const chunk = this.#waiting.shift()
    if (chunk === undefined) return this.#onClosed?.()
    if (this.#reopened !== undefined) {
      closeSync(this.#fd)
      this.#fd = this.#reopened
      this.#reopened = undefined
    }
    this.#write(Buffer.from(chunk.text), chunk.lines)
  }

  #write(rest: Buffer, lines: number): void {
    this.#writing = { rest, lines }
    this.#writingSince = performance.now()
    write(this.#fd, rest, (error, written) => {
      this.#writingSince = undefined
      if (error === null) this.#written(rest, lines, written)
      else if (hasCode(error, 'EAGAIN')) setTimeout(() => this.#write(rest, lines), RETRY_AFTER).unref()
      else if (hasCode(error, 'EPIPE')) this.#end()
      else {
        this.#leaveOut(lines) // a full disk may have space for the next
        this.#options.onFailed?.(error)
        this.#written(rest, 0, rest.length)
      }
    })
  }

  #written(rest: Buffer, lines: number, bytes: number): void {
    this.#bytes -= bytes
    if (bytes < rest.length) return this.#write(rest.subarray(bytes), lines)
    this.#writing = undefined
    if (this.#waiting.length > 0 && this.#isOpen) this.#await()
    else this.#take()
    if (lines > 0) this.#tell()
  }

  #leaveOut(lines: number): void {
    this.#leftOut += lines
    this.#dropped += lines
  }

  /** Once there is space again, and something could be written. */
  #tell(): void {
    if (this.#leftOut === 0 || this.#bytes > MAX_WAITING / 2) return
    const lines = this.#leftOut
    this.#leftOut = 0
    this.#options.onLeftOut(lines)
  }

  /** The reader has gone: there is nobody to tell. */
  #end(): void {
    this.#isOpen = false
    this.#waiting.length = 0
    this.#writing = undefined
    this.#onClosed?.()
  }

  #flush(): void {
    const began = performance.now()
    // A write that is under way ends by itself, unless nobody reads.
    if (this.#writingSince !== undefined && began - this.#writingSince > LAST_WAIT) return
    const first = this.#writingSince === undefined && this.#writing !== undefined ? [this.#writing.rest] : []
    const texts = this.#waiting.map(({ text }) => text)
    let rest = Buffer.concat([...first, Buffer.from(texts.join(''))])
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
