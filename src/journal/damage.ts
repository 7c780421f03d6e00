import { createHash } from 'node:crypto'
import { open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import type { JSONValue } from '../revocation/index.js'
import { lengthRecordOf } from './length-record.js'

/** A journal that could not be read whole. */
export interface Damage {
  /** SHA-256, in hex, of the file and its length record as they were found; absent: the file system did not give them. */
  readonly id?: string
  /** For people. */
  readonly reason: string
}

/** The note that says what has been lost and neither been listed since nor accepted. */
export const DAMAGE_NOTE = 'damage'
/** More are not told apart: the list stays unknown until the last has been dealt with. */
const MAX_DAMAGES = 16
const CHUNK = 1 << 20
const ID = /^[0-9a-f]{64}$/

export const isDamageId = (text: string) => ID.test(text)

/** Reads the note of an earlier run. */
export function readDamages(note: JSONValue | undefined): Damage[] {
  if (note === undefined || note === null) return []
  if (!Array.isArray(note)) return [{ reason: 'an earlier loss, in an unknown form' }]
  return (note as readonly JSONValue[]).map((value) => {
    const { id, reason } = (value ?? {}) as { readonly id?: unknown; readonly reason?: unknown }
    const text = typeof reason === 'string' ? reason : 'an earlier loss'
    return typeof id === 'string' && isDamageId(id) ? { id, reason: text } : { reason: text }
  })
}

export function noteOf(damages: readonly Damage[]): JSONValue {
  return damages.slice(-MAX_DAMAGES).map((damage) => ({ ...damage }))
}

/** The id of the journal that stands there now. Throws the file system's error. */
export async function damageId(journal: string): Promise<string> {
  const hash = createHash('sha256')
  let bytes = 0
  for (const path of [journal, lengthRecordOf(journal)]) bytes += await hashFile(path, hash)
  // Every empty file looks alike: one that is accepted must not stand for the next.
  if (bytes === 0) {
    const { ino, mtimeMs } = await stat(journal).catch(() => stat(lengthRecordOf(journal)))
    hash.update(`${ino} ${mtimeMs}`)
  }
  return hash.digest('hex')
}

async function hashFile(path: string, hash: ReturnType<typeof createHash>): Promise<number> {
  const file = await open(path, 'r').catch((error) => {
    if (error.code === 'ENOENT') return undefined
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

const acceptedOf = (journal: string) => `${journal}.accepted`

/** The ids that {@link accept} was called with; none if the file cannot be read. */
export async function readAccepted(journal: string): Promise<readonly string[]> {
  const text = await readFile(acceptedOf(journal), 'utf8').catch(() => '')
  return text.split('\n').filter(isDamageId)
}

/** Leaves word, for the gateway that has the journal or will have it, that an operator accepts a loss. */
export async function accept(journal: string, id: string): Promise<void> {
  const ids = [...(await readAccepted(journal)).filter((other) => other !== id), id].slice(-MAX_DAMAGES)
  const draft = `${acceptedOf(journal)}.new`
  try {
    await writeFile(draft, `${ids.join('\n')}\n`, { mode: 0o600, flush: true })
    await rename(draft, acceptedOf(journal))
  } finally {
    await rm(draft, { force: true })
  }
}
