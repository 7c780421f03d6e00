import { SOURCE_BITS } from './entry.js'

const MOST = 2 ** SOURCE_BITS
const OTHER = 'other'

/** Numbers the sources of entries. Those beyond what an entry has bits for are `other`. */
export class SourceNames {
  readonly #names: string[] = []

  /** The number of a source, assigned at the first call. */
  index(name: string): number {
    const known = this.#names.indexOf(name)
    if (known >= 0) return known
    if (this.#names.length === MOST - 1) return MOST - 1
    return this.#names.push(name) - 1
  }

  name(index: number): string {
    return this.#names[index] ?? OTHER
  }

  /** The names in the order of their numbers. */
  get all(): readonly string[] {
    return this.#names
  }

  /** Maps the numbers of another list of names to ours. */
  translation(names: readonly string[]): Uint8Array {
    return Uint8Array.from({ length: MOST }, (_, i) => this.index(names[i] ?? OTHER))
  }
}
