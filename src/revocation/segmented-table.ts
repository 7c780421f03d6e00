import type { Expired } from './retention.js'
import { Segment } from './segment.js'

/**
 * A hash table of entries in many small {@link Segment}s. Each grows, is swept and is exported alone, so that no step
 * takes long, however large the table.
 */
export class SegmentedTable {
  /** Words of an entry. */
  readonly width: number
  readonly #segments: readonly Segment[]
  readonly #mask: number
  #count = 0

  /** @param segments a power of two */
  constructor(width: number, segments: number) {
    this.width = width
    this.#mask = segments - 1
    this.#segments = Array.from({ length: segments }, (_, i) => new Segment(width, i / segments))
  }

  /** The segment in which a fingerprint is, or would be. */
  segmentOf(lo: number): Segment {
    return this.#segments[lo & this.#mask] as Segment
  }

  /** Whether it holds nothing: then a look-up need not compute where to look. */
  get isEmpty(): boolean {
    return this.#count === 0
  }

  /** The index of a fingerprint's first word in its segment, where it is inserted if missing: see {@link Segment.place}. */
  place(segment: Segment, hi: number, lo: number): number {
    const before = segment.count
    const at = segment.place(hi, lo)
    this.#count += segment.count - before
    return at
  }

  /** A word of a fingerprint's entry, counted from 0; 0 if it has none. Allocates nothing. */
  read(hi: number, lo: number, word: number): number {
    const segment = this.segmentOf(lo)
    const at = segment.find(hi, lo)
    return at < 0 ? 0 : (segment.words[at + word] as number)
  }

  get segments(): number {
    return this.#segments.length
  }

  /** Removes what has expired from one segment; returns how many. */
  sweepSegment(index: number, expired: Expired): number {
    const removed = this.#segments[index]?.removeExpired(expired) ?? 0
    this.#count -= removed
    return removed
  }

  /** A copy of one segment's entries, packed. */
  packSegment(index: number): Uint32Array {
    return this.#segments[index]?.pack() ?? new Uint32Array(0)
  }

  /** Number of entries, including expired ones that are not swept yet. */
  get size(): number {
    return this.#count
  }

  /** Bytes of memory that the entries take, free slots included. */
  get bytes(): number {
    return this.#segments.reduce((sum, { count, words }) => sum + (count === 0 ? 0 : words.byteLength), 0)
  }
}
