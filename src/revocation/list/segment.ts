import { isKept } from './entry.js'

/** A segment grows when it is fuller than this. */
const MAX_LOAD = 0.875
const GROWTH = 1.2
/** A segment that is shrunk has room for some more before it must grow again. */
const SHRUNK_LOAD = 0.75
const SMALLEST = 8
/**
 * Slots beyond the capacity, for what the last ones displace; more are added if ever they don't do. The very last slot
 * stays empty and ends every search.
 */
const OVERFLOW_LEAST = 8
const OVERFLOW_MOST = 64

/**
 * A hash table of fingerprints in one typed array: open addressing by linear probing, in which entries stand in the order
 * of their fingerprints. So a search for what is not there ends at the first larger one, a table needs no tombstones, and
 * growing or sweeping it is one pass over memory from front to back.
 *
 * Invariants: an entry stands at its home slot or after it, no slot between the two is empty, and fingerprints ascend.
 */
export class Segment {
  /** Slots of `width` words: fingerprint (2 words), a word that is 0 in an empty slot, more. */
  words: Uint32Array
  count = 0
  readonly #width: number
  readonly #phase: number
  #level = -1
  #capacity = 0
  #overflow = 0
  #room = 0

  /** @param phase in [0, 1): segments with different phases grow at different times */
  constructor(width: number, phase: number) {
    this.#width = width
    this.#phase = phase
    this.words = new Uint32Array(width)
  }

  /** The index of a fingerprint's first word, or -1. */
  find(hi: number, lo: number): number {
    const words = this.words
    const high = hi >>> 0
    const low = lo >>> 0
    for (let at = this.#home(high); ; at += this.#width) {
      const here = words[at] as number
      if (here < high) {
        if (words[at + 2] === 0) return -1
        continue
      }
      if (here > high || words[at + 2] === 0) return -1
      const lowHere = words[at + 1] as number
      if (lowHere === low) return at
      if (lowHere > low) return -1
    }
  }

  /**
   * The index of a fingerprint's first word in {@link words}, after making it a slot if it had none: its third word is
   * then 0, and the caller must set it.
   */
  place(hi: number, lo: number): number {
    const found = this.find(hi, lo)
    if (found >= 0) return found
    if (this.count >= this.#room) this.#rebuild(this.#level + 1)
    for (;;) {
      const at = this.#insert(hi >>> 0, lo >>> 0)
      if (at >= 0) return at
      this.#rebuild(this.#level, 2 * this.#overflow)
    }
  }

  /** Removes what has expired by `unit`, and gives memory back if much has. Returns how many were removed. */
  removeExpired(unit: number): number {
    const before = this.count
    if (!this.#hasExpired(unit)) return 0
    this.count = this.#copyTo(this.words, this.#capacity, unit)
    if (this.count < this.#room / 2) this.#shrink()
    return before - this.count
  }

  /**
   * A copy of the entries, packed, in an order that is spread evenly over all fingerprints at any point: put in ascending
   * order into a segment that grows, they would crowd at its beginning and each would be searched for past all others.
   */
  pack(): Uint32Array {
    const width = this.#width
    const packed = new Uint32Array(this.count * width)
    const stride = coprimeTo(this.count)
    let next = 0
    for (let at = 0; at < this.words.length; at += width) {
      if (this.words[at + 2] === 0) continue
      for (let i = 0; i < width; i++) packed[next * width + i] = this.words[at + i] as number
      next = (next + stride) % this.count
    }
    return packed
  }

  /** Index of the first word of the slot where a fingerprint belongs. Ascends with the fingerprint. */
  #home(high: number): number {
    return Math.floor((high * this.#capacity) / 0x1_0000_0000) * this.#width
  }

  #insert(high: number, low: number): number {
    const { words } = this
    const width = this.#width
    let at = this.#home(high)
    while (words[at + 2] !== 0 && !isAbove(words, at, high, low)) at += width
    let end = at
    while (words[end + 2] !== 0) end += width
    if (end + width >= words.length) return -1
    if (end > at) words.copyWithin(at + width, at, end)
    words.fill(0, at, at + width)
    words[at] = high
    words[at + 1] = low
    this.count++
    return at
  }

  #hasExpired(unit: number): boolean {
    const { words } = this
    for (let at = 2; at < words.length; at += this.#width) {
      const word = words[at] as number
      if (word !== 0 && !isKept(word, unit)) return true
    }
    return false
  }

  #shrink(): void {
    if (this.count === 0) {
      this.#level = -1
      this.#capacity = 0
      this.#room = 0
      this.words = new Uint32Array(this.#width)
      return
    }
    let level = this.#level
    while (level > 0 && capacityOf(level - 1, this.#phase) * SHRUNK_LOAD > this.count) level--
    this.#rebuild(level)
  }

  /** Moves the entries to a new array. */
  #rebuild(level: number, overflow = 0): void {
    const capacity = capacityOf(level, this.#phase)
    let slots = overflow || Math.min(OVERFLOW_MOST, OVERFLOW_LEAST + (capacity >>> 4))
    let words = new Uint32Array((capacity + slots) * this.#width)
    while (this.#copyTo(words, capacity, -1) < this.count) {
      slots *= 2
      words = new Uint32Array((capacity + slots) * this.#width)
    }
    this.words = words
    this.#level = level
    this.#capacity = capacity
    this.#overflow = slots
    this.#room = Math.floor(capacity * MAX_LOAD)
  }

  /**
   * Puts the entries that are kept beyond `unit` into `target`, which may be this segment's own array: an entry never
   * moves up there, since those before it did not. Returns how many; fewer than there are if they found no room.
   */
  #copyTo(target: Uint32Array, capacity: number, unit: number): number {
    const { words } = this
    const width = this.#width
    let count = 0
    let free = 0
    for (let from = 0; from < words.length; from += width) {
      const kept = words[from + 2] as number
      if (kept === 0) continue
      if (!isKept(kept, unit)) {
        words[from + 2] = 0
        continue
      }
      const home = Math.floor(((words[from] as number) * capacity) / 0x1_0000_0000) * width
      const to = Math.max(home, free)
      if (to + width >= target.length) return count
      if (target !== words || to !== from) {
        for (let i = 0; i < width; i++) target[to + i] = words[from + i] as number
        if (target === words) words[from + 2] = 0
      }
      free = to + width
      count++
    }
    return count
  }
}

function isAbove(words: Uint32Array, at: number, high: number, low: number): boolean {
  const here = words[at] as number
  return here > high || (here === high && (words[at + 1] as number) > low)
}

function capacityOf(level: number, phase: number): number {
  return Math.round(SMALLEST * GROWTH ** (level + phase))
}

/** A number that has no divisor in common with `count` and, near the golden section of it, spreads its multiples best. */
function coprimeTo(count: number): number {
  let candidate = Math.max(1, Math.round(count * 0.618))
  while (divisor(candidate, count) > 1) candidate++
  return candidate
}

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b)
}
