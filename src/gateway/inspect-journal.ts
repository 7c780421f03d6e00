import type { Config } from '../config/index.js'
import { acceptDamage, type Damage, Loading, readJournal } from '../journal/index.js'
import { RevocationList } from '../revocation/index.js'
import { sourcesIdentity } from '../sources/index.js'
import type { Fingerprinter } from '../token/index.js'

/** The current content of a journal. */
export interface InspectedJournal {
  readonly path: string
  readonly tokens: number
  readonly rules: number
  /** Losses that were neither made up by a listing nor accepted. */
  readonly damages: readonly Damage[]
}

/** Reads the journal that a configuration names, without changing it. */
export async function inspectJournal(config: Config): Promise<InspectedJournal> {
  const { journal, retention } = config.tokenRevocationConfig
  const listOf = (fingerprints: Fingerprinter) => new RevocationList({ fingerprints, retention })
  const loading = new Loading({ now: Date.now(), sources: sourcesIdentity(config) }, listOf)
  const { damages } = await readJournal(journal.path, loading)
  return { path: journal.path, ...loading.into.list.size, damages }
}

/** Accepts a loss of a journal, for the gateway that owns it now or later. `false`: the journal has no such damage. */
export async function acceptDamagedJournal(config: Config, id: string): Promise<boolean> {
  const { path, damages } = await inspectJournal(config)
  if (!damages.some((damage) => damage.id === id)) return false
  await acceptDamage(path, id)
  return true
}
