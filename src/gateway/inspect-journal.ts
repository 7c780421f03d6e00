import type { Config } from '../config/index.js'
import { accept, type Damage, Loading, readSnapshot } from '../journal/index.js'
import { RevocationList } from '../revocation/index.js'
import { sourcesIdentity } from '../sources/index.js'
import type { Fingerprinter } from '../token/index.js'

/** A journal as it can be read now. */
export interface InspectedJournal {
  readonly path: string
  readonly tokens: number
  readonly rules: number
  /** What has been lost, and was neither listed since nor accepted. */
  readonly damages: readonly Damage[]
}

/** Reads the journal that a configuration names, and leaves it as it is. */
export async function inspectJournal(config: Config): Promise<InspectedJournal> {
  const { journal, retention } = config.tokenRevocationConfig
  const { timestampSkew } = config.server
  const listOf = (fingerprints: Fingerprinter) => new RevocationList({ fingerprints, timestampSkew, retention })
  const loading = new Loading({ now: Date.now(), sources: sourcesIdentity(config) }, listOf)
  const { damages } = await readSnapshot(journal.path, loading)
  return { path: journal.path, ...loading.into.list.size, damages }
}

/** Accepts what a journal has lost, for the gateway that has it or will have it; false: it has no such damage. */
export async function acceptDamagedJournal(config: Config, id: string): Promise<boolean> {
  const { path, damages } = await inspectJournal(config)
  if (!damages.some((damage) => damage.id === id)) return false
  await accept(path, id)
  return true
}
