import type { Config } from '../config/index.js'
import { acceptDamage, type Damage, isFirstStart, Loading, readAccepted, readJournal } from '../journal/index.js'
import { RevocationList } from '../revocation/index.js'
import type { Fingerprinter } from '../token/index.js'

/** The current content of a journal. */
export interface InspectedJournal {
  readonly path: string
  /** `enable` of its section: else no gateway reads or writes it. */
  readonly isEnabled: boolean
  /** Whether there is one, or its length record says that there was. */
  readonly exists: boolean
  readonly tokens: number
  readonly rules: number
  /** Losses that no listing has made up for. */
  readonly damages: readonly InspectedDamage[]
}

export interface InspectedDamage extends Damage {
  /** An operator has accepted it; a gateway takes that up within seconds, or when it starts. */
  readonly isAccepted: boolean
}

/** Reads the journal that a configuration names, without changing it. */
export async function inspectJournal(config: Config): Promise<InspectedJournal> {
  const { journal, retention } = config.tokenRevocationConfig
  const { path, enable, acceptDamagedJournal = '' } = journal
  const listOf = (fingerprints: Fingerprinter) => new RevocationList({ fingerprints, retention })
  const loading = new Loading({ now: Date.now(), sources: '' }, listOf)
  const { found, damages } = await readJournal(path, loading)
  const accepted = new Set([...(await readAccepted(path)), acceptDamagedJournal])
  return {
    path,
    isEnabled: enable,
    exists: !isFirstStart(found),
    ...loading.into.list.size,
    damages: damages.map((damage) => ({ ...damage, isAccepted: accepted.has(damage.id ?? '-') })),
  }
}

/** Accepts a loss of a journal, for the gateway that owns it now or later. `false`: the journal has no such damage. */
export async function acceptDamagedJournal(config: Config, id: string): Promise<boolean> {
  const { path, damages } = await inspectJournal(config)
  if (!damages.some((damage) => damage.id === id)) return false
  await acceptDamage(path, id)
  return true
}
