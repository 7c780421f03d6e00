import { acceptDamage, damagesOf } from '../gateway.js'
import { EXIT_DONE, EXIT_FAILED, EXIT_USAGE } from './exit.js'

/** `mgw journal check`: says whether the journal can be read whole. Exit status: 0 it can; 1 it cannot. */
export async function checkJournal({ config }: { readonly config: string }): Promise<void> {
  const { path, tokens, rules, damages } = await damagesOf(config)
  if (damages.length === 0) {
    console.log(`${path}: whole, ${tokens} tokens and ${rules} rules`)
    return
  }
  console.error(`${path}: not whole; ${tokens} tokens and ${rules} rules can be read`)
  for (const { id, reason } of damages) console.error(`  ${id ?? 'no SHA-256'}  ${reason}`)
  process.exitCode = EXIT_FAILED
}

/**
 * `mgw journal accept-damaged`: gives up what one damaged journal has lost. Exit status: 0 a gateway that has the journal
 * serves within seconds, or at its next start; 2 that is not the SHA-256 of a damage that there is.
 */
export async function acceptDamagedJournal(id: string, { config }: { readonly config: string }): Promise<void> {
  const { path, isAccepted } = await acceptDamage(config, id.toLowerCase())
  if (!isAccepted) console.error(`${path}: no damage with this SHA-256; mgw journal check names it`)
  else console.log(`${path}: accepted. What it has lost counts as not revoked.`)
  process.exitCode = isAccepted ? EXIT_DONE : EXIT_USAGE
}
