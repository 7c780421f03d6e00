import { silent } from '../../../src/logging/index.js'
import { type OpenedJournal, openJournal } from '../../../src/revocation/journal/index.js'
import { RevocationList } from '../../../src/revocation/list/index.js'
import { identify, type OpaqueToken } from '../../../src/revocation/token-id.js'

/** The tests' time, epoch ms. */
export const NOW = Date.UTC(2026, 0, 1)
export const HOUR = 3_600_000

/** Opens the journal of a list of its own. */
export function open(path: string, now = NOW, sources = 'these'): Promise<OpenedJournal> {
  return openJournal({
    path,
    now,
    sources,
    logger: silent('test'),
    listOf: (fingerprints) => new RevocationList({ fingerprints, timestampSkew: 5_000, retention: 24 * HOUR }),
  })
}

/** Why a token is refused by what a journal was read into. */
export function has({ list, fingerprints }: OpenedJournal, id: string) {
  const credential: OpaqueToken = { kind: 'opaque', token: id }
  return list.find(identify(credential, {}, fingerprints), NOW)
}

export const names = (count: number) => Array.from({ length: count }, (_, i) => `token-${i}`)
