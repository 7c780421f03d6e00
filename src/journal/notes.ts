import type { JSONValue } from '../revocation/index.js'
import { encodeBlock } from './format.js'

/** A note is a position or a time, bytes of JSON. */
const MAX_NOTE_BYTES = 65_536
const MAX_NOTES = 64

/**
 * The last value of each name: blocks `note` of the file. A note is true only of a file that holds everything that was
 * appended before it.
 */
export class Notes {
  /** What the file says, or will once what waits is written to it. */
  readonly #taken: Map<string, JSONValue>
  readonly #waiting = new Map<string, JSONValue>()

  constructor(notes: ReadonlyMap<string, JSONValue> = new Map()) {
    this.#taken = new Map(notes)
  }

  get isWaiting(): boolean {
    return this.#waiting.size > 0
  }

  /** Throws a RangeError for one that is too long, or for one name too many. */
  set(name: string, value: JSONValue): void {
    if (encodeNote(name, value).length > MAX_NOTE_BYTES) throw new RangeError('a note of the journal is too long')
    const isNew = !this.#taken.has(name) && !this.#waiting.has(name)
    if (isNew && this.#taken.size + this.#waiting.size >= MAX_NOTES) throw new RangeError('too many notes')
    this.#waiting.set(name, value)
  }

  /** As {@link set}, for what is true of any file: a new one says it from the beginning. */
  assert(name: string, value: JSONValue): void {
    this.#taken.set(name, value)
    this.#waiting.set(name, value)
  }

  /** The blocks of what waits; they count as written. */
  takeWaiting(): Buffer[] {
    const blocks = [...this.#waiting].map(([name, value]) => encodeNote(name, value))
    for (const [name, value] of this.#waiting) this.#taken.set(name, value)
    this.#waiting.clear()
    return blocks
  }

  /** The blocks of a new file: what has been taken for writing. */
  export(): Buffer[] {
    return [...this.#taken].map(([name, value]) => encodeNote(name, value))
  }
}

function encodeNote(name: string, value: JSONValue): Buffer {
  return encodeBlock('note', Buffer.from(JSON.stringify([name, value])))
}

/** Takes a `note` block's payload. What cannot be read is left out; so are new names beyond what is written. */
export function readNote(payload: Buffer, into: Map<string, JSONValue>): void {
  try {
    const [name, value] = JSON.parse(payload.toString('utf8')) as [unknown, JSONValue | undefined]
    if (typeof name !== 'string' || value === undefined) return
    if (into.has(name) || into.size < MAX_NOTES) into.set(name, value)
  } catch {
    // Its checksum is right: another version's, in another form.
  }
}
