import { createHash } from 'node:crypto'
import type { JSONValue } from '../../../revocation/index.js'
import { isMark, type KeyRange } from './keys.js'
import { type KeyValue, sharedBytes } from './range.js'

/**
 * How far an etcd was read: everything that its two directories held at `revision`. It names no key.
 *
 * An etcd that was restored from a snapshot keeps its cluster's id, and its revisions go on from the snapshot's: once it
 * has overtaken `revision`, nothing in it says that what has come since the snapshot is something else. So the newest
 * keys go with the position. If one of these anchors is found with the modification that it had, the two histories
 * are the same up to that modification, and whatever either got later was modified later than that.
 */
export type Position = {
  readonly cluster: string
  readonly revision: number
  readonly prefix: string
  /** Of the newest keys: a digest, and the revision of the last modification. */
  readonly anchors: readonly (readonly [digest: string, modified: number])[]
  /** Bytes, in Base64, that divide each directory into parts of a few thousand keys: etcd reads a part at a time. */
  readonly parts: Readonly<Record<KeyRange['name'], readonly string[]>>
  /** Whether tokens were found in the v2 API. */
  readonly v2: boolean
} // a type, since an interface is no JSONValue

/** More of them outlive the leases of some; each may have to be read again. */
const MAX_ANCHORS = 16
const KEYS_OF_A_PART = 4_096
/** Parts become larger when there would be more. */
const MAX_PARTS = 512
/** Bytes of a division: keys that share more stand in one part. */
const MAX_DIVISION = 32

/** Gathers a position from a listing, key for key. */
export class Survey {
  #anchors: { readonly key: Buffer; readonly modified: number }[] = []
  /** What a key must be newer than to be an anchor. */
  #floor = 0
  readonly #parts = { tokens: new Parts(), records: new Parts() }

  /** Takes the next keys of a directory; they come in order. */
  take(directory: KeyRange, keys: readonly KeyValue[]): void {
    for (const { key, value, mod_revision } of keys) {
      const modified = Number(mod_revision)
      // Every gateway that starts puts the same mark, in any history: nothing is told by it.
      if (modified > this.#floor && !isMark(directory, key, value)) this.#anchor(key, modified)
    }
    this.#parts[directory.name].take(directory, keys)
  }

  /** Everything up to `revision` was read; `undefined` where nothing was found that it could be told by. */
  position(cluster: string, revision: string, prefix: string, v2: boolean): Position | undefined {
    if (this.#anchors.length === 0) return undefined
    this.#trim()
    const anchors = this.#anchors.map(({ key, modified }) => [digest(key), modified] as const)
    const { tokens, records } = this.#parts
    const parts = { tokens: tokens.divisions, records: records.divisions }
    return { cluster, revision: Number(revision), prefix, anchors, parts, v2 }
  }

  #anchor(key: Buffer, modified: number): void {
    this.#anchors.push({ key, modified })
    if (this.#anchors.length >= 2 * MAX_ANCHORS) this.#trim()
  }

  #trim(): void {
    this.#anchors = this.#anchors.sort((a, b) => b.modified - a.modified).slice(0, MAX_ANCHORS)
    if (this.#anchors.length === MAX_ANCHORS) this.#floor = this.#anchors.at(-1)?.modified ?? 0
  }
}

/** Tells whether a key is one of a position's anchors. */
export function isAnchor({ anchors }: Position, { key, mod_revision }: KeyValue): boolean {
  const modified = Number(mod_revision)
  if (!anchors.some(([, at]) => at === modified)) return false
  const named = digest(key)
  return anchors.some(([other, at]) => at === modified && other === named)
}

/** The newest revision that an anchor has. */
export function newestAnchor({ anchors }: Position): number {
  return Math.max(...anchors.map(([, modified]) => modified))
}

/** The oldest revision that an anchor has. */
export function oldestAnchor({ anchors }: Position): number {
  return Math.min(...anchors.map(([, modified]) => modified))
}

/** The parts of a directory, which together are all of it, whatever the position says. */
export function partsOf({ parts }: Position, { name, start, end }: KeyRange): { start: Buffer; end: Buffer }[] {
  const divisions = parts[name].map((text) => Buffer.from(text, 'base64'))
  const inside = divisions.filter((at) => at.compare(start) > 0 && at.compare(end) < 0).sort(Buffer.compare)
  const starts = [start, ...inside]
  return starts.map((at, index) => ({ start: at, end: starts[index + 1] ?? end }))
}

/** The position that an earlier run has noted; `undefined` for anything else. */
export function readPosition(value: JSONValue): Position | undefined {
  const { cluster, revision, prefix, anchors, parts, v2 } = Object(value) as Readonly<Record<string, unknown>>
  if (typeof cluster !== 'string' || typeof prefix !== 'string' || typeof v2 !== 'boolean') return undefined
  if (!isRevision(revision) || !Array.isArray(anchors) || anchors.length === 0) return undefined
  if (!anchors.every((anchor) => Array.isArray(anchor) && typeof anchor[0] === 'string' && isRevision(anchor[1])))
    return undefined
  const { tokens, records } = Object(parts) as Readonly<Record<string, unknown>>
  if (!isTexts(tokens) || !isTexts(records)) return undefined
  return { cluster, revision, prefix, anchors, parts: { tokens, records }, v2 }
}

function isRevision(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) > 0
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.length <= MAX_PARTS && value.every((text) => typeof text === 'string')
}

function digest(key: Buffer): string {
  return createHash('sha256').update(key).digest('base64url').slice(0, 22)
}

/** Where a directory can be divided. */
class Parts {
  #divisions: Buffer[] = []
  #size = KEYS_OF_A_PART
  #inPart = 0

  get divisions(): string[] {
    return this.#divisions.map((at) => at.toString('base64'))
  }

  take({ start }: KeyRange, keys: readonly KeyValue[]): void {
    this.#inPart += keys.length
    const [first, last] = [keys.at(-2)?.key, keys.at(-1)?.key]
    if (this.#inPart < this.#size || first === undefined || last === undefined) return
    this.#inPart = 0
    const length = sharedBytes(first, last) + 1
    if (length > start.length + MAX_DIVISION) return
    this.#divisions.push(Buffer.from(last.subarray(0, length)))
    if (this.#divisions.length < MAX_PARTS / 2) return
    this.#divisions = this.#divisions.filter((_, index) => index % 2 === 1)
    this.#size *= 2
  }
}
