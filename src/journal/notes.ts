import type { JSONValue } from '../revocation/index.js'
import { encodeBlock } from './format.js'

/** Of a note's JSON. */
const MAX_NOTE_BYTES = 65_536
const MAX_NOTES = 64

/** The last value of each name: the file's `note` blocks. A note is true only of a file that holds all that precedes it. */
export class Notes {
  /** What the file says, or will say once the last batch is written. */
  readonly #taken: Map<string, JSONValue>
  readonly #waiting = new Map<string, JSONValue>()

  constructor(notes: ReadonlyMap<string, JSONValue> = new Map()) {
    this.#taken = new Map(notes)
  }

  get isWaiting(): boolean {
    return this.#waiting.size > 0
  }

  /** Throws a RangeError for a note that is too long, and for too many names. */
  set(name: string, value: JSONValue): void {
    if (encodeNote(name, value).length > MAX_NOTE_BYTES) throw new RangeError('journal note too long')
    const isNew = !this.#taken.has(name) && !this.#waiting.has(name)
    if (isNew && this.#taken.size + this.#waiting.size >= MAX_NOTES) throw new RangeError('too many journal notes')
    this.#waiting.set(name, value)
  }

  /** As {@link set}, for what is true of every file: a compacted file says it from the start. */
  assert(name: string, value: JSONValue): void {
    this.#taken.set(name, value)
    this.#waiting.set(name, value)
  }

  /** The blocks of what waits, which counts as written then. */
  takeWaiting(): Buffer[] {
    const blocks = [...this.#waiting].map(([name, value]) => encodeNote(name, value))
    for (const [name, value] of this.#waiting) this.#taken.set(name, value)
    this.#waiting.clear()
    return blocks
  }

  /** The blocks for a compacted file. */
  export(): Buffer[] {
    return [...this.#taken].map(([name, value]) => encodeNote(name, value))
  }
}

function encodeNote(name: string, value: JSONValue): Buffer {
  return encodeBlock('note', Buffer.from(JSON.stringify([name, value])))
}

/** Adds a `note` block's payload to `into`. Ignores what cannot be read, and more names than may be written. */
export function readNote(payload: Buffer, into: Map<string, JSONValue>): void {
  try {
    const [name, value] = JSON.parse(payload.toString('utf8')) as [unknown, JSONValue | undefined]
    if (typeof name !== 'string' || value === undefined) return
    if (into.has(name) || into.size < MAX_NOTES) into.set(name, value)
  } catch {
    // The checksum matches, so another version wrote it in another form.
  }
}
