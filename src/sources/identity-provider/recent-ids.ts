import { createHash } from 'node:crypto'

/** Ids that are remembered, by default: a day of a small site's logouts, and less than a megabyte. */
const CAPACITY = 10_000

/**
 * The ids (`jti`) of messages that were carried out lately, so that the same one is not carried out twice. Bounded: the oldest is
 * forgotten, and a restart forgets all. A message that comes again then says what it said: it revokes nothing more.
 */
export class RecentIds {
  readonly #capacity: number
  /** In the order in which they came; hashed, since their length is the sender's choice. */
  readonly #ids = new Set<string>()

  constructor(capacity = CAPACITY) {
    this.#capacity = capacity
  }

  has(id: string): boolean {
    return this.#ids.has(hashOf(id))
  }

  /** Call it once the message is carried out, and no sooner: until then it must be possible to send it again. */
  add(id: string): void {
    this.#ids.add(hashOf(id))
    if (this.#ids.size <= this.#capacity) return
    for (const oldest of this.#ids) {
      this.#ids.delete(oldest)
      return
    }
  }
}

function hashOf(id: string): string {
  return createHash('sha256').update(id).digest('base64url').slice(0, 22)
}
