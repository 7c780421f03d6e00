import type { Expired } from './retention.js'
import { Segment } from './segment.js'

/**
 * Fingerprints and what is known of each, in many small {@link Segment}s: each grows, is swept and is exported alone, so
 * that no step takes long however much there is.
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

  /** How many entries there are, the expired ones that were not swept yet among them. */
  get size(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.count, 0)
  }

  /** Bytes of memory that the entries take, free slots included. */
  get bytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.words.byteLength, 0)
  }
}
