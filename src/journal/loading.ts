import type { JSONValue, RevocationList } from '../revocation/index.js'
import { Fingerprinter } from '../token/index.js'
import { markName, readMark } from './blocks.js'
import type { Block } from './format.js'
import { readNote } from './notes.js'
import { PendingPuts } from './pending.js'
import type { Reader } from './read.js'

/** How far a mark may lie ahead of the clock and still tell the file's age, ms. */
const MARK_TOLERANCE = 60_000

export interface LoadingOptions {
  readonly now: number
  readonly sources: string
}

/** A list, and what its fingerprints are made with. */
export interface SeededList {
  readonly list: RevocationList
  readonly fingerprints: Fingerprinter
}

/** Puts a file's blocks into a list: a new one, or one that is in use, whose listeners then hear of what is new. */
export class Loading implements Reader {
  readonly #options: LoadingOptions
  readonly #listOf: (fingerprints: Fingerprinter) => RevocationList
  #into: SeededList | undefined
  readonly #isInUse: boolean
  #translation: Uint8Array | undefined
  #inStepAt: number | undefined
  #hasOtherSeed = false
  #isTaking = false
  readonly notes = new Map<string, JSONValue>()
  readonly pending = new PendingPuts()

  constructor(options: LoadingOptions, into: SeededList | ((fingerprints: Fingerprinter) => RevocationList)) {
    this.#options = options
    this.#isInUse = typeof into !== 'function'
    this.#into = typeof into === 'function' ? undefined : into
    this.#listOf = typeof into === 'function' ? into : () => into.list
  }

  begin(seed: Buffer): boolean {
    this.#into ??= this.#made(new Fingerprinter(seed))
    this.#hasOtherSeed = !this.#into.fingerprints.seed.equals(seed)
    return !this.#hasOtherSeed
  }

  /** The list with what was read: an empty one if nothing was. */
  get into(): SeededList {
    this.#into ??= this.#made(Fingerprinter.random())
    return this.#into
  }

  /** Whether the file's entries are of no use to a list that is in use. */
  get hasOtherSeed(): boolean {
    return this.#hasOtherSeed
  }

  /** What the list tells its listeners at this moment comes from the file. */
  get isTaking(): boolean {
    return this.#isTaking
  }

  /** When the list was last in step with its sources (epoch ms), as far as the file says. */
  get inStepAt(): number | undefined {
    return this.#inStepAt
  }

  take({ kind, payload }: Block, afterLoss: boolean): void {
    if (kind === 'token' || kind === 'rule') {
      this.#isTaking = true
      this.into.list.import({ kind, bytes: payload }, this.#translation, this.#isInUse)
      this.#isTaking = false
    } else if (kind === 'sources') {
      this.#takeSources(payload)
    } else if (kind === 'pending') {
      this.pending.load(payload)
    } else if (kind === 'done') {
      this.pending.loadDone(payload)
    } else if (afterLoss) {
      // What stands for everything before it does not where some of that is lost.
    } else if (kind === 'inStep') {
      this.#takeMark(payload)
    } else if (kind === 'note') {
      readNote(payload, this.notes)
    }
  }

  #made(fingerprints: Fingerprinter): SeededList {
    return { fingerprints, list: this.#listOf(fingerprints) }
  }

  #takeSources(payload: Buffer): void {
    try {
      const names: unknown = JSON.parse(payload.toString('utf8'))
      if (Array.isArray(names)) this.#translation = this.into.list.sources.translation(names.map(String))
    } catch {
      // Its checksum is right: another version's, in another form. The entries count, wherever they came from.
    }
  }

  #takeMark(payload: Buffer): void {
    const { now, sources } = this.#options
    const mark = readMark(payload)
    if (mark === undefined || !mark.of.equals(markName(this.into.fingerprints.seed, sources))) return
    // The clock was ahead then, or is behind now: the file's age is not known.
    this.#inStepAt = mark.at > now + MARK_TOLERANCE ? undefined : Math.min(mark.at, now)
  }
}
