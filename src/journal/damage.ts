import { createHash } from 'node:crypto'
import { open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { hasCode } from '../error-code.js'
import type { JSONValue } from '../revocation/index.js'
import { lengthRecordOf } from './length-record.js'

/** Why a journal may lack something. */
export interface Damage {
  /** SHA-256, in hex, of the file and its length record as they were found; absent after an I/O error. */
  readonly id?: string
  /** For people. */
  readonly reason: string
}

/** The journal's note of its unresolved damages. */
export const DAMAGE_NOTE = 'damage'
/** Of more than that, the latest are kept: the list stays unknown until all of those are resolved. */
const MAX_DAMAGES = 16
const CHUNK = 1 << 20
const ID = /^[0-9a-f]{64}$/

const isDamageId = (text: string) => ID.test(text)

/** The damages in the note of an earlier run. */
export function readDamages(note: JSONValue | undefined): Damage[] {
  if (note === undefined || note === null) return []
  if (!Array.isArray(note)) return [{ reason: 'earlier damage, recorded in an unknown format' }]
  return (note as readonly JSONValue[]).map((value) => {
    const { id, reason } = (value ?? {}) as { readonly id?: unknown; readonly reason?: unknown }
    const text = typeof reason === 'string' ? reason : 'earlier damage'
    return typeof id === 'string' && isDamageId(id) ? { id, reason: text } : { reason: text }
  })
}

export function noteOf(damages: readonly Damage[]): JSONValue {
  return damages.slice(-MAX_DAMAGES).map((damage) => ({ ...damage }))
}

/** The id of a damaged journal, from its files as they are now. Throws the file system's error. */
export async function damageId(journal: string): Promise<string> {
  const hash = createHash('sha256')
  let bytes = 0
  for (const path of [journal, lengthRecordOf(journal)]) bytes += await hashFile(path, hash)
  // All empty files have one hash: accepting one must not accept the next.
  if (bytes === 0) {
    const { ino, mtimeMs } = await stat(journal).catch(() => stat(lengthRecordOf(journal)))
    hash.update(`${ino} ${mtimeMs}`)
  }
  return hash.digest('hex')
}

async function hashFile(path: string, hash: ReturnType<typeof createHash>): Promise<number> {
  const file = await open(path, 'r').catch((error) => {
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  })
  if (file === undefined) return 0
  try {
    const chunk = Buffer.alloc(CHUNK)
    for (let position = 0; ; ) {
      const { bytesRead } = await file.read(chunk, 0, CHUNK, position)
      if (bytesRead === 0) return position
      hash.update(chunk.subarray(0, bytesRead))
      position += bytesRead
    }
  } finally {
    await file.close()
  }
}

/** The damages that count: found, and since then neither resolved by a store's listing nor accepted by an operator. */
export class UnresolvedDamages {
  #all: readonly Damage[]
  readonly #accepted = new Set<string>()
  #isListed = false
  readonly #listeners: ((damages: readonly Damage[]) => void)[] = []

  constructor(damages: readonly Damage[]) {
    this.#all = damages
  }

  get all(): readonly Damage[] {
    return this.#all
  }

  /** Calls `listener` whenever {@link all} has changed. */
  onChange(listener: (damages: readonly Damage[]) => void): void {
    this.#listeners.push(listener)
  }

  /** Replaces them by those of a file that has been read, except for accepted ones. */
  found(damages: readonly Damage[]): void {
    const open = this.#isListed ? [] : damages.filter(({ id }) => id === undefined || !this.#accepted.has(id))
    if (JSON.stringify(open) === JSON.stringify(this.#all)) return
    this.#all = open
    for (const listener of this.#listeners) listener(open)
  }

  /** Accepts losses by their ids, now and when they are found later. */
  accept(ids: readonly string[]): void {
    for (const id of ids) this.#accepted.add(id)
    this.found(this.#all)
  }

  /** A store was listed: nothing counts as lost any more. */
  listed(): void {
    this.#isListed = true
    this.found([])
  }
}

const acceptedOf = (journal: string) => `${journal}.accepted`

/** The ids given to {@link acceptDamage}; none if the file cannot be read. */
export async function readAccepted(journal: string): Promise<readonly string[]> {
  const text = await readFile(acceptedOf(journal), 'utf8').catch(() => '')
  return text.split('\n').filter(isDamageId)
}

/** Records that an operator accepts a loss, for the gateway that owns the journal or will. Throws the file system's error. */
export async function acceptDamage(journal: string, id: string): Promise<void> {
  const ids = [...(await readAccepted(journal)).filter((other) => other !== id), id].slice(-MAX_DAMAGES)
  const draft = `${acceptedOf(journal)}.new`
  try {
    await writeFile(draft, `${ids.join('\n')}\n`, { mode: 0o600, flush: true })
    await rename(draft, acceptedOf(journal))
  } finally {
    await rm(draft, { force: true })
  }
}
