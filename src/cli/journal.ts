import { acceptDamage, damagesOf } from '../gateway.js'
import { EXIT_DONE, EXIT_FAILED, EXIT_USAGE } from './exit.js'

/** `mgw journal check`: says whether the journal is intact or damaged. Exit status: 0 intact; 1 damaged. */
export async function checkJournal({ config }: { readonly config: string }): Promise<void> {
  const { path, tokens, rules, damages } = await damagesOf(config)
  if (damages.length === 0) {
    console.log(`${path}: intact, ${tokens} tokens and ${rules} rules`)
    return
  }
  console.error(`${path}: damaged; ${tokens} tokens and ${rules} rules are readable`)
  for (const { id, reason } of damages) console.error(`  ${id ?? 'no SHA-256'}  ${reason}`)
  process.exitCode = EXIT_FAILED
}

/**
 * `mgw journal accept-damaged`: gives up what one damaged journal has lost. Exit status: 0 a gateway that has the journal
 * serves within seconds, or at its next start; 2 that is not the SHA-256 of a damage that there is.
 */
export async function acceptDamagedJournal(id: string, { config }: { readonly config: string }): Promise<void> {
  const { path, isAccepted } = await acceptDamage(config, id.toLowerCase())
  if (!isAccepted) console.error(`${path}: no damage with this SHA-256; run mgw journal check`)
  else console.log(`${path}: accepted. Revocations that it lost are no longer in force.`)
  process.exitCode = isAccepted ? EXIT_DONE : EXIT_USAGE
}
