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
/** How long {@link LineOutput.close}, and the process's end, wait for a reader, ms. */
const LAST_WAIT = 1_000
/** Its owner may write, its group may read. */
const MODE = 0o640
const APPEND = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK
const LINE_END = 0x0a

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

/** A chunk that is being written. */
interface Writing {
  readonly bytes: Buffer
  /** How many of them are written. */
  written: number
  readonly chunk: Chunk
}

/**
 * Standard output, or a file, for lines. Does not block the event loop, holds a bounded number of bytes, and writes what
 * is left when the process exits, unless the reader has gone or is stuck: then the process exits without them. Several
 * processes may write to one: a line stays whole. Lines that cannot be written are counted, and the next are tried: a disk
 * may have space again, a named pipe a reader.
 */
export class LineOutput {
  readonly #options: LineOutputOptions
  readonly #chunkBytes: number
  readonly #onExit = () => this.#flush()
  #fd: number
  /** What {@link reopen} has opened, for what is written next. */
  #reopened: number | undefined
  readonly #waiting: Chunk[] = []
  #writing: Writing | undefined
  /** Whether only the beginning of the last line could be written: the next one must not be appended to it. */
  #isTorn = false
  /** When the write that is under way began. */
  #writingSince: number | undefined
  #timer: NodeJS.Timeout | undefined
  #bytes = 0
  /** Lines that {@link LineOutputOptions.onLeftOut} was not told of yet. */
  #leftOut = 0
  #dropped = 0
  #isOpen = true
  /** Closed: nothing is tried again. */
  #isOver = false
  #onClosed: (() => void) | undefined

  /** Throws the file system's error for a file that cannot be opened: `ENXIO` for a named pipe that nobody reads. */
  constructor(options: LineOutputOptions) {
    this.#options = options
    this.#fd = options.file === undefined ? standardOutput() : openSync(options.file, APPEND, MODE)
    this.#chunkBytes = options.file !== undefined && fstatSync(this.#fd).isFile() ? FILE_WRITE : ATOMIC_WRITE
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
    const fd = openSync(file, APPEND, MODE)
    if (this.#reopened !== undefined) closeSync(this.#reopened)
    this.#reopened = fd
  }

  /** Writes what waits, for {@link LAST_WAIT} at most, and takes nothing more. What is left then is dropped, and counted. */
  async close(): Promise<void> {
    if (!this.#isOpen) return
    this.#isOpen = false
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, LAST_WAIT)
      this.#onClosed = () => {
        clearTimeout(timer)
        resolve()
      }
      if (this.#writing === undefined) this.#take()
    })
    this.#isOver = true
    process.off('exit', this.#onExit)
    if (this.#writing !== undefined) this.#leaveOut(unwritten(this.#writing))
    for (const { lines } of this.#waiting.splice(0)) this.#leaveOut(lines)
    if (this.#options.file === undefined) return
    if (this.#reopened !== undefined) closeSync(this.#reopened)
    // A write that is under way must not find another file under the number.
    if (this.#writingSince === undefined) closeSync(this.#fd)
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
      this.#isTorn = false
    }
    this.#writing = { bytes: Buffer.from(this.#afterTorn(chunk.text)), written: 0, chunk }
    this.#write(this.#writing)
  }

  #afterTorn(text: string): string {
    return this.#isTorn ? `\n${text}` : text
  }

  #write(writing: Writing): void {
    this.#writingSince = performance.now()
    write(this.#fd, writing.bytes, writing.written, (error, written) => {
      this.#writingSince = undefined
      if (this.#isOver) return
      if (error === null) {
        writing.written += written
        if (writing.written < writing.bytes.length) return this.#write(writing)
      } else if (hasCode(error, 'EAGAIN')) {
        setTimeout(() => this.#isOver || this.#write(writing), RETRY_AFTER).unref()
        return
      } else {
        this.#leaveOut(unwritten(writing))
        this.#options.onFailed?.(error)
      }
      this.#done(writing, error === null)
    })
  }

  #done({ bytes, written, chunk }: Writing, isWhole: boolean): void {
    if (written > 0) this.#isTorn = bytes[written - 1] !== LINE_END
    this.#bytes -= chunk.bytes
    this.#writing = undefined
    if (this.#waiting.length > 0 && this.#isOpen) this.#await()
    else this.#take()
    if (isWhole) this.#tell()
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

  #flush(): void {
    const began = performance.now()
    // A write that is under way ends by itself, unless nobody reads.
    if (this.#writingSince !== undefined && began - this.#writingSince > LAST_WAIT) return
    const first = this.#writingSince === undefined ? this.#writing : undefined
    const texts = this.#waiting.map(({ text }) => text).join('')
    let rest =
      first === undefined
        ? Buffer.from(this.#afterTorn(texts))
        : Buffer.concat([first.bytes.subarray(first.written), Buffer.from(texts)])
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

/** How many lines of a chunk are not in the output, or not whole. */
function unwritten({ bytes, written, chunk }: Writing): number {
  let whole = 0
  const first = bytes.length - chunk.bytes // behind what ends a torn line
  for (let at = first; at < written; at++) if (bytes[at] === LINE_END) whole++
  return Math.max(1, chunk.lines - whole)
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
