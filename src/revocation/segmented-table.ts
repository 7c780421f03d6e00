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
    return this.#segments[index]?.removeExpired(expired) ?? 0
  }

  /** A copy of one segment's entries, packed. */
  packSegment(index: number): Uint32Array {
    return this.#segments[index]?.pack() ?? new Uint32Array(0)
  }

  /** Number of entries, including expired ones that are not swept yet. */
  get size(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.count, 0)
  }

  /** Bytes of memory that the entries take, free slots included. */
  get bytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.words.byteLength, 0)
  }
}
