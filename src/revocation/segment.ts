import { elasticWords, resized } from './elastic-words.js'
import { ENTRY_WORDS } from './entry.js'
import { type Expired, isKept } from './retention.js'

/** A segment grows when it is fuller than this. */
const MAX_LOAD = 0.875
const GROWTH = 1.2
/** Load of a segment that was shrunk: leaves space for more before it must grow again. */
const SHRUNK_LOAD = 0.75
const SMALLEST = 8
/**
 * Slots beyond the capacity, for entries displaced from the last ones; more are added if they do not suffice. The very
 * last slot stays empty and ends every search.
 */
const OVERFLOW_LEAST = 8
const OVERFLOW_MOST = 64
/** Up to so many slots are moved one by one; for more, `copyWithin` is faster. */
const FEW = 4
/** First word of an empty slot: no fingerprint is above it, so that a search ends there without another check. */
const NOTHING = 0xffff_ffff
/** Shared by all segments without entries: a single empty slot. */
const EMPTY = elasticWords(Math.max(...Object.values(ENTRY_WORDS)))
EMPTY[0] = NOTHING

/**
 * A hash table of fingerprints in one typed array: open addressing with linear probing and entries sorted by fingerprint.
 * So an unsuccessful search ends at the first larger one, no tombstones are needed, and growing or sweeping takes one or
 * two passes over the memory, in place.
 *
 * Invariants: an entry is at its home slot or after it, no slot between the two is empty, and fingerprints ascend.
 */
export class Segment {
  /** Slots of `width` words: fingerprint (2 words), a word that is 0 in an empty slot, more. */
  words = EMPTY
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
  }

  /** The index of a fingerprint's first word, or -1. */
  find(hi: number, lo: number): number {
    const words = this.words
    const high = hi >>> 0
    const low = lo >>> 0
    const width = this.#width
    let at = this.#home(high)
    while ((words[at] as number) < high) at += width
    while (words[at] === high && words[at + 2] !== 0) {
      const here = words[at + 1] as number
      if (here === low) return at
      if (here > low) return -1
      at += width
    }
    return -1
  }

  /**
   * The index of a fingerprint's first word in {@link words}. Inserts it if missing: its third word is then 0, and the
   * caller must set it.
   */
  place(hi: number, lo: number): number {
    const found = this.find(hi, lo)
    if (found >= 0) return found
    if (this.count >= this.#room) {
      this.#setLevel(this.#level + 1)
      this.#respace(this.#overflow)
    }
    for (;;) {
      const at = this.#insert(hi >>> 0, lo >>> 0)
      if (at >= 0) return at
      this.#respace(2 * this.#overflow)
    }
  }

  /** Removes expired entries, and shrinks if many were. Returns how many. */
  removeExpired(expired: Expired): number {
    const kept = this.#countKept(expired)
    const removed = this.count - kept
    if (removed === 0) return 0
    if (kept === 0) this.#clear()
    else {
      if (kept < this.#room / 2) this.#setLevel(this.#levelFor(kept))
      this.#close(expired)
    }
    return removed
  }

  /**
   * A packed copy of the entries, in an order in which every prefix is spread evenly over all fingerprints: inserted in
   * ascending order, they would crowd at the start of a segment that still grows, and insertion would be quadratic.
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
    if (end - at > FEW * width) words.copyWithin(at + width, at, end)
    else for (let i = end + width - 1; i >= at + width; i--) words[i] = words[i - width] as number
    for (let i = 2; i < width; i++) words[at + i] = 0
    words[at] = high
    words[at + 1] = low
    this.count++
    return at
  }

  #countKept(expired: Expired): number {
    const { words } = this
    const { length } = words
    let kept = 0
    for (let at = 2; at < length; at += this.#width) if (isKept(words[at] as number, expired)) kept++
    return kept
  }

  #levelFor(count: number): number {
    let level = this.#level
    while (level > 0 && capacityOf(level - 1, this.#phase) * SHRUNK_LOAD > count) level--
    return level
  }

  #setLevel(level: number): void {
    this.#level = level
    this.#capacity = capacityOf(level, this.#phase)
    this.#room = Math.floor(this.#capacity * MAX_LOAD)
    this.#overflow = Math.min(OVERFLOW_MOST, OVERFLOW_LEAST + (this.#capacity >>> 4))
  }

  /** Removes expired entries and moves the rest down to their places; the capacity must not have grown. */
  #close(expired: Expired): void {
    const { words } = this
    const { length } = words
    const width = this.#width
    let free = 0
    this.count = 0
    for (let from = 0; from < length; from += width) {
      const kept = words[from + 2] as number
      if (kept === 0) continue
      if (isKept(kept, expired)) {
        const to = Math.max(this.#home(words[from] as number), free)
        free = to + width
        this.count++
        if (to === from) continue
        for (let i = 0; i < width; i++) words[to + i] = words[from + i] as number
      }
      empty(words, from, from + width, width)
    }
    this.words = resized(words, Math.max((this.#capacity + this.#overflow) * width, free + width))
  }

  #clear(): void {
    this.words = EMPTY
    this.count = 0
    this.#level = -1
    this.#capacity = 0
    this.#room = 0
  }

  /** Moves the entries to their places in a larger array; in one larger still if they do not fit. */
  #respace(overflow: number): void {
    this.#overflow = overflow
    const length = (this.#capacity + overflow) * this.#width
    if (this.words === EMPTY) this.words = elasticWords(length)
    else this.words = resized(this.words, Math.max(length, this.words.length))
    this.#stack()
    if (!this.#unstack()) this.#respace(2 * overflow)
  }

  /** Packs all entries at the end. */
  #stack(): void {
    const { words } = this
    const width = this.#width
    let to = words.length
    for (let from = to - width; from >= 0; from -= width) {
      if (words[from + 2] === 0) continue
      to -= width
      if (to === from) continue
      for (let i = 0; i < width; i++) words[to + i] = words[from + i] as number
    }
  }

  /** Moves entries from the end to their places. Returns false if the last ones did not fit: they stay where they are. */
  #unstack(): boolean {
    const { words } = this
    const { length } = words
    const width = this.#width
    let free = 0
    for (let from = length - this.count * width; from < length; from += width) {
      const to = Math.max(this.#home(words[from] as number), free)
      if (to >= from) {
        empty(words, free, from, width)
        return false // the last slot must stay empty
      }
      for (let i = 0; i < width; i++) words[to + i] = words[from + i] as number
      empty(words, free, to, width)
      free = to + width
    }
    empty(words, free, length, width)
    return true
  }
}

/** Empties the slots from `from` to before `to`. */
function empty(words: Uint32Array, from: number, to: number, width: number): void {
  for (let at = from; at < to; at += width) {
    words[at] = NOTHING
    words[at + 2] = 0
  }
}

function isAbove(words: Uint32Array, at: number, high: number, low: number): boolean {
  const here = words[at] as number
  return here > high || (here === high && (words[at + 1] as number) > low)
}

function capacityOf(level: number, phase: number): number {
  return Math.round(SMALLEST * GROWTH ** (level + phase))
}

/** A number without a divisor in common with `count`; near its golden section, where multiples spread best. */
function coprimeTo(count: number): number {
  let candidate = Math.max(1, Math.round(count * 0.618))
  while (greatestDivisor(candidate, count) > 1) candidate++
  return candidate
}

function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b)
}
