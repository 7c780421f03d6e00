import { copyFileSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import { decodeBlock, HEADER_BYTES } from '../../src/journal/format.js'
import { JournalFile } from '../../src/journal/journal-file.js'
import { LengthRecord, NO_GENERATION } from '../../src/journal/length-record.js'
import { Loading } from '../../src/journal/loading.js'
import { type OpenedJournal, type OpenJournalOptions, openJournal } from '../../src/journal/open.js'
import { readJournal, type Snapshot } from '../../src/journal/read.js'
import type { WritableJournal } from '../../src/journal/writer.js'
import { silent } from '../../src/logging/index.js'
import { RevocationList } from '../../src/revocation/revocation-list.js'
import type { OpaqueToken } from '../../src/token/credential.js'
import type { Fingerprinter } from '../../src/token/fingerprint.js'
import { identify } from '../../src/token/identity.js'

/** The tests' time, epoch ms. */
export const NOW = Date.UTC(2026, 0, 1)
export const HOUR = 3_600_000

/** Opens a journal with a new list. */
export function open(
  path: string,
  now = NOW,
  sources = 'these',
  more: Partial<Pick<OpenJournalOptions, 'accepted' | 'logger'>> = {},
): Promise<OpenedJournal> {
  return openJournal({
    path,
    now,
    sources,
    logger: silent('test'),
    ...more,
    listOf: (fingerprints) => new RevocationList({ fingerprints, retention: 24 * HOUR }),
  })
}

/** Opens a journal that is closed when the test ends. `owned()` resolves when it is writable, after an attempt that failed. */
export async function openUntilEnd(
  t: Test,
  path: string,
  more: { readonly warn?: (text: string) => void } = {},
): Promise<OpenedJournal & { owned(): Promise<void> }> {
  let tell = () => {}
  const owned = new Promise<void>((resolve) => {
    tell = resolve
  })
  const info = (text: string) => {
    if (text === 'journal opened for writing') tell()
  }
  const opened = await open(path, NOW, 'these', { logger: { ...silent('test'), ...more, info } })
  t.teardown(() => opened.journal.close())
  return { ...opened, owned: () => soon(owned, 'the journal is not writable') }
}

/** Rejects if a promise takes more than 30 s. Keeps the process alive meanwhile, which the journal's timers do not. */
export async function soon<Value>(promise: Promise<Value>, otherwise: string): Promise<Value> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(otherwise)), 30_000)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Opens a journal, adds tokens and closes it. */
export async function write(path: string, ids: readonly string[]): Promise<void> {
  const { journal, list } = await open(path)
  for (const id of ids) list.add({ kind: 'token', id, expiresAt: NOW + HOUR }, 'topic', NOW)
  await journal.close()
}

/** Why a token is refused by what a journal was read into. */
export function has({ list, fingerprints }: Pick<OpenedJournal, 'list' | 'fingerprints'>, id: string) {
  const credential: OpaqueToken = { kind: 'opaque', token: id }
  return list.find(identify(credential, {}, fingerprints))
}

export const names = (count: number) => Array.from({ length: count }, (_, i) => `token-${i}`)

/** Reads a journal, and changes nothing. */
export function read(path: string, now = NOW): Promise<Snapshot> {
  const listOf = (fingerprints: Fingerprinter) => new RevocationList({ fingerprints, retention: 24 * HOUR })
  return readJournal(path, new Loading({ now, sources: 'these' }, listOf))
}

/** A journal as version 2 was written before there were length records: without a generation, and without a record. */
export function older(journal: Buffer): Buffer {
  const first = decodeBlock(journal, HEADER_BYTES)
  if (typeof first === 'string' || first.block?.kind !== 'generation') throw new Error('not a journal of this version')
  return Buffer.concat([journal.subarray(0, HEADER_BYTES), journal.subarray(first.end)])
}

/** What `openJournal` makes of a whole journal whose file is this. */
export async function owned(path: string, handle: FileHandle): Promise<WritableJournal> {
  const snapshot = await readJournal(
    path,
    new Loading({ now: NOW, sources: '' }, (fingerprints) => new RevocationList({ fingerprints, retention: HOUR })),
  )
  const { validBytes = 0, generation = NO_GENERATION } = snapshot.found.contents ?? {}
  const file = new JournalFile(handle, validBytes, generation)
  return { file, record: await LengthRecord.open(path), inPlace: file.extent, mustReplace: false }
}

/** What a crash would leave, under another name. */
export function copyBoth(path: string, copy: string): void {
  copyFileSync(path, copy)
  copyFileSync(`${path}.length`, `${copy}.length`)
}

/** A journal of some tokens, closed. */
export async function written(t: Test, ids: readonly string[]): Promise<string> {
  const path = join(t.testdir(), 'state', 'revocations.journal')
  const { journal, list } = await open(path)
  for (const id of ids) list.add({ kind: 'token', id, expiresAt: NOW + HOUR }, 'topic', NOW)
  await journal.close()
  return path
}
