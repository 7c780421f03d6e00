import { decodeBlock, HEADER_BYTES } from '../../src/journal/format.js'
import { type OpenedJournal, type OpenJournalOptions, openJournal } from '../../src/journal/index.js'
import { Loading } from '../../src/journal/loading.js'
import { readSnapshot, type Snapshot } from '../../src/journal/snapshot.js'
import { silent } from '../../src/logging/index.js'
import { RevocationList } from '../../src/revocation/revocation-list.js'
import type { OpaqueToken } from '../../src/token/credential.js'
import type { Fingerprinter } from '../../src/token/fingerprint.js'
import { identify } from '../../src/token/identity.js'

/** The tests' time, epoch ms. */
export const NOW = Date.UTC(2026, 0, 1)
export const HOUR = 3_600_000

/** Opens the journal of a list of its own. */
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
    listOf: (fingerprints) => new RevocationList({ fingerprints, timestampSkew: 5_000, retention: 24 * HOUR }),
  })
}

/** Why a token is refused by what a journal was read into. */
export function has({ list, fingerprints }: Pick<OpenedJournal, 'list' | 'fingerprints'>, id: string) {
  const credential: OpaqueToken = { kind: 'opaque', token: id }
  return list.find(identify(credential, {}, fingerprints))
}

export const names = (count: number) => Array.from({ length: count }, (_, i) => `token-${i}`)

/** What a process that only reads makes of a journal; it leaves the files as they are. */
export function read(path: string, now = NOW): Promise<Snapshot> {
  const listOf = (fingerprints: Fingerprinter) =>
    new RevocationList({ fingerprints, timestampSkew: 5_000, retention: 24 * HOUR })
  return readSnapshot(path, new Loading({ now, sources: 'these' }, listOf))
}

/** A journal as version 2 was written before there were length records: without a generation, and without a record. */
export function older(journal: Buffer): Buffer {
  const first = decodeBlock(journal, HEADER_BYTES)
  if (typeof first === 'string' || first.block?.kind !== 'generation') throw new Error('not a journal of this version')
  return Buffer.concat([journal.subarray(0, HEADER_BYTES), journal.subarray(first.end)])
}
