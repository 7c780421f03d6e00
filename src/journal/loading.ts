import type { FileHandle } from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'
import type { EntryBlock, JSONValue, RevocationList } from '../revocation/index.js'
import { type ClaimSet, Fingerprinter } from '../token/index.js'
import { BlockReader, type LostBytes } from './block-reader.js'
import {
  type Block,
  decodeHeader,
  FOLDED_AMONG_TOKENS,
  HEADER_BYTES,
  type Header,
  isEntries,
  readMark,
  sourcesName,
} from './format.js'
import type { UnknownBlocks } from './journal-file.js'
import { readNote } from './notes.js'
import { PendingPuts } from './pending.js'

/** How far a mark may lie ahead of the clock and still tell the file's age, ms. */
const MARK_TOLERANCE = 60_000
/** The longest that loading may block the event loop, except for a single block, ms. */
const SLICE = 5

export interface LoadingOptions {
  /** Epoch ms. */
  readonly now: number
  /** Identifies the sources: marks about others are ignored. */
  readonly sources: string
}

/** A list, and what its fingerprints are made with. */
export interface SeededList {
  readonly list: RevocationList
  readonly fingerprints: Fingerprinter
}

/** What a journal's file holds. */
export interface Contents {
  readonly header: Header
  readonly size: number
  /** Tells this file from every other; an older version's file has none. */
  readonly generation: Buffer | undefined
  /** Where the last whole block ends. */
  readonly validBytes: number
  /** The first bytes that hold no whole block. */
  readonly lost: LostBytes | undefined
  readonly unknown: UnknownBlocks | undefined
}

/** Loads a journal's file into a list: a new one, or one in use, whose listeners are then told of what is new. */
export class Loading {
  readonly #options: LoadingOptions
  readonly #listOf: (fingerprints: Fingerprinter) => RevocationList
  #into: SeededList | undefined
  readonly #isInUse: boolean
  #translation: Uint8Array | undefined
  #inSyncAt: number | undefined
  #hasOtherSeed = false
  /** Whether folded names may be among the tokens of the file. */
  #isFolded = false
  #isImporting = false
  readonly notes = new Map<string, JSONValue>()
  readonly pending = new PendingPuts()

  constructor(options: LoadingOptions, into: SeededList | ((fingerprints: Fingerprinter) => RevocationList)) {
    this.#options = options
    this.#isInUse = typeof into !== 'function'
    this.#into = typeof into === 'function' ? undefined : into
    this.#listOf = typeof into === 'function' ? into : () => into.list
  }

  /** The list with what was loaded; an empty one if nothing was. */
  get into(): SeededList {
    this.#into ??= this.#made(Fingerprinter.random())
    return this.#into
  }

  /** Whether the file's fingerprints cannot be compared with those of the list in use. */
  get hasOtherSeed(): boolean {
    return this.#hasOtherSeed
  }

  /** Whether what the list tells its listeners at this moment comes from the file. */
  get isImporting(): boolean {
    return this.#isImporting
  }

  /** When the list was last in sync with its sources (epoch ms), according to the file. */
  get inSyncAt(): number | undefined {
    return this.#inSyncAt
  }

  /**
   * Loads a file from its beginning, in bounded memory. Whole blocks behind damaged bytes are loaded, too. Throws the file
   * system's error.
   *
   * @param seed for a file whose header is damaged
   */
  async load(file: FileHandle, seed?: Buffer): Promise<Contents> {
    const bytes = Buffer.alloc(HEADER_BYTES)
    const { bytesRead } = await file.read(bytes, 0, HEADER_BYTES, 0)
    const header = decodeHeader(bytes.subarray(0, bytesRead))
    this.#isFolded = header.state !== 'read' || header.version === FOLDED_AMONG_TOKENS
    const own = header.state === 'read' ? header.seed : header.state === 'damaged' ? seed : undefined
    const empty = { generation: undefined, validBytes: 0, lost: undefined, unknown: undefined }
    const found = own !== undefined && this.#begin(own) ? await this.#loadBlocks(file) : empty
    return { header, ...found, size: (await file.stat()).size }
  }

  #begin(seed: Buffer): boolean {
    this.#into ??= this.#made(new Fingerprinter(seed))
    this.#hasOtherSeed = !this.#into.fingerprints.seed.equals(seed)
    return !this.#hasOtherSeed
  }

  async #loadBlocks(file: FileHandle): Promise<Pick<Contents, 'generation' | 'validBytes' | 'lost' | 'unknown'>> {
    let generation: Buffer | undefined
    let validBytes = HEADER_BYTES
    let lost: LostBytes | undefined
    let unknown: UnknownBlocks | undefined
    let sliceStart = performance.now()
    const reader = new BlockReader(HEADER_BYTES)
    for await (const { block, from, to } of reader.blocksOf(file)) {
      if (from > validBytes) lost ??= { from: validBytes, to: from, isCut: false }
      if (block.kind === 'generation') generation ??= block.payload
      if (block.kind === undefined) unknown = { from: unknown?.from ?? from, to, count: (unknown?.count ?? 0) + 1 }
      this.#take(block, lost !== undefined)
      validBytes = to
      if (performance.now() - sliceStart < SLICE) continue
      await setImmediate()
      sliceStart = performance.now()
    }
    return { generation, validBytes, lost: lost ?? reader.rest(), unknown }
  }

  #take({ kind, payload }: Block, afterLoss: boolean): void {
    if (kind !== undefined && isEntries(kind)) {
      this.#takeEntries({ kind, bytes: payload })
    } else if (kind === 'sources') {
      this.#takeSources(payload)
    } else if (kind === 'claimSets') {
      this.#takeClaimSets(payload)
    } else if (kind === 'pending') {
      this.pending.load(payload)
    } else if (kind === 'done') {
      this.pending.loadDone(payload)
    } else if (afterLoss) {
      // Marks and notes are true only of a file that holds everything before them.
    } else if (kind === 'inSync') {
      this.#takeMark(payload)
    } else if (kind === 'note') {
      readNote(payload, this.notes)
    }
  }

  #takeEntries(block: EntryBlock): void {
    const { list } = this.into
    this.#isImporting = true
    list.import(block, this.#translation, this.#isInUse)
    // Which of them are folded names, nobody can tell: no other name is looked up there, or ever equals one.
    if (this.#isFolded && (block.kind === 'token' || block.kind === 'issuerToken'))
      list.import({ ...block, kind: 'foldedToken' }, this.#translation, this.#isInUse)
    this.#isImporting = false
  }

  #made(fingerprints: Fingerprinter): SeededList {
    return { fingerprints, list: this.#listOf(fingerprints) }
  }

  #takeSources(payload: Buffer): void {
    try {
      const names: unknown = JSON.parse(payload.toString('utf8'))
      if (Array.isArray(names)) this.#translation = this.into.list.sources.translation(names.map(String))
    } catch {
      // The checksum matches, so another version wrote it in another form. The entries count, whatever their source.
    }
  }

  /** Without them no rule about claims in the file would be looked up. */
  #takeClaimSets(payload: Buffer): void {
    const sets = JSON.parse(payload.toString('utf8')) as readonly ClaimSet[]
    for (const set of sets) this.into.list.claimSets.restore(set)
  }

  #takeMark(payload: Buffer): void {
    const { now, sources } = this.#options
    const mark = readMark(payload)
    if (!mark?.sources.equals(sourcesName(this.into.fingerprints.seed, sources))) return
    // The clock was ahead then, or is behind now: the file's age is not known.
    this.#inSyncAt = mark.at > now + MARK_TOLERANCE ? undefined : Math.min(mark.at, now)
  }
}
