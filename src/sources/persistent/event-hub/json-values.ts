import { isAscii } from 'node:buffer'
import { parseJson } from '../../../json.js'

/** What becomes of the values of a JSON text that arrives in pieces. */
export interface ValueReader {
  /** Values that follow each other. */
  values(values: readonly unknown[]): void
  /** A value that was passed over. */
  skipped(problem: 'too-long' | 'too-deep'): void
  /** Some bytes stand where a value should, and are not JSON. Those around them may be. */
  broken(): void
}

export interface ValueLimits {
  /** Bytes of one value that are held in memory. */
  readonly maxBytes: number
  /** Objects and arrays within each other. */
  readonly maxDepth: number
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const SPACE = 0x20
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Finds where JSON values end, byte by byte, and leaves their reading to {@link parseJson}, many at a time: ten times as fast
 * as a parser in JavaScript, with a fraction of its garbage. Holds one value at most, and none that is too long.
 */
export class JsonValues {
  readonly #reader: ValueReader
  readonly #limits: ValueLimits
  /** Of the piece under way: where values begin and end that were not handed on yet. */
  #starts: number[] = []
  #ends: number[] = []
  /** The bytes of a value that began in an earlier piece. */
  #held: Buffer[] = []
  #heldBytes = 0
  #start = 0
  #depth = 0
  #inString = false
  #isEscaped = false
  #isScalar = false
  #problem: 'too-long' | 'too-deep' | undefined

  constructor(reader: ValueReader, limits: ValueLimits) {
    this.#reader = reader
    this.#limits = limits
  }

  /** A value begins with the byte at `at`, which is no white space. */
  begin(bytes: Buffer, at: number): void {
    this.#start = at
    this.#depth = 0
    this.#inString = false
    const first = bytes[at]
    this.#isScalar = first !== QUOTE && first !== OPEN_BRACE && first !== OPEN_BRACKET
  }

  /** Goes on with the value. Returns the index after its last byte, or -1 if it has not ended in this piece. */
  end(bytes: Buffer, from: number): number {
    const at = this.#isScalar ? scalarEnd(bytes, from) : this.#structureEnd(bytes, from)
    if (at !== -1) this.#complete(bytes, at)
    return at
  }

  /** Hands on the values that have ended. To be called before anything but a comma stands between two of them. */
  flush(bytes: Buffer): void {
    const [from, to] = [this.#starts[0], this.#ends.at(-1)]
    if (from === undefined || to === undefined) return
    const values = parsed(bytes.subarray(from, to))
    if (values !== undefined) this.#reader.values(values)
    else for (const [index, start] of this.#starts.entries()) this.#readAlone(bytes.subarray(start, this.#ends[index]))
    this.#starts = []
    this.#ends = []
  }

  /** The piece has ended; keeps what has begun if `isWithin` a value. */
  hold(bytes: Buffer, isWithin: boolean): void {
    this.flush(bytes)
    if (!isWithin || this.#problem === 'too-long') return
    const rest = bytes.subarray(this.#start)
    this.#heldBytes += rest.length
    if (this.#heldBytes > this.#limits.maxBytes) {
      this.#problem = 'too-long'
      this.#held = []
    } else this.#held.push(Buffer.from(rest))
    this.#start = 0
  }

  #complete(bytes: Buffer, end: number): void {
    const problem = this.#problem
    if (problem !== undefined) {
      this.flush(bytes)
      this.#reader.skipped(problem)
    } else if (this.#heldBytes > 0) {
      this.#readAlone(Buffer.concat([...this.#held, bytes.subarray(0, end)]))
    } else {
      this.#starts.push(this.#start)
      this.#ends.push(end)
    }
    this.#problem = undefined
    this.#held = []
    this.#heldBytes = 0
  }

  #readAlone(bytes: Buffer): void {
    const values = parsed(bytes)
    if (values === undefined) this.#reader.broken()
    else this.#reader.values(values)
  }

  #structureEnd(bytes: Buffer, from: number): number {
    let [depth, inString, isEscaped] = [this.#depth, this.#inString, this.#isEscaped]
    let end = -1
    for (let at = from; at < bytes.length && end === -1; at++) {
      const byte = bytes[at]
      if (inString) {
        if (isEscaped) isEscaped = false
        else if (byte === BACKSLASH) isEscaped = true
        else if (byte === QUOTE) {
          inString = false
          if (depth === 0) end = at + 1
        }
      } else if (byte === QUOTE) inString = true
      else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        if (++depth > this.#limits.maxDepth) this.#problem ??= 'too-deep'
      } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        if (--depth === 0) end = at + 1
      }
    }
    this.#depth = depth
    this.#inString = inString
    this.#isEscaped = isEscaped
    return end
  }
}

/** Where a number or a word ends: what follows it is not read. */
function scalarEnd(bytes: Buffer, from: number): number {
  for (let at = from; at < bytes.length; at++) {
    const byte = bytes[at] as number
    if (byte <= SPACE || byte === COMMA || byte === CLOSE_BRACKET || byte === CLOSE_BRACE) return at
  }
  return -1
}

/** The values in a text of them with commas between; `undefined` if it is not JSON. */
function parsed(bytes: Buffer): readonly unknown[] | undefined {
  try {
    const text = isAscii(bytes) ? bytes.toString('latin1') : UTF8.decode(bytes)
    return parseJson(`[${text}]`) as unknown[]
  } catch {
    return undefined
  }
}
