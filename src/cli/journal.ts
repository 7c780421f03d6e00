import { acceptDamage, inspectJournal } from '../gateway.js'
import { EXIT_DONE, EXIT_FAILED, EXIT_USAGE } from './exit.js'
import { print, printError } from './output.js'

const TAKES_EFFECT = 'takes effect at the next start, or within seconds in a running gateway'

/**
 * `mgw journal check`: says whether the journal is intact or damaged. Exit status: 0 it is intact, off or not there yet, or its
 * damage is accepted; 1 damaged.
 */
export async function checkJournal({ config }: { readonly config: string }): Promise<void> {
  const { path, isEnabled, exists, tokens, rules, damages } = await inspectJournal(config)
  if (!isEnabled) return print('journal off: [tokenRevocationConfig.journal] enable is false')
  if (!exists) return print(`no journal at ${path}: no gateway has written one there`)
  if (damages.length === 0) return print(`${path}: intact, ${tokens} tokens and ${rules} rules`)
  printError(`${path}: damaged; ${tokens} tokens and ${rules} rules are readable`)
  for (const { id, reason, isAccepted } of damages) {
    printError(`  ${id ?? 'no SHA-256'}  ${reason}${isAccepted ? `; accepted: ${TAKES_EFFECT}` : ''}`)
  }
  process.exitCode = damages.every(({ isAccepted }) => isAccepted) ? EXIT_DONE : EXIT_FAILED
}

/**
 * `mgw journal accept-damaged`: gives up what one damaged journal has lost. Exit status: 0 a gateway that has the journal
 * serves within seconds, or at its next start; 2 that is not the SHA-256 of a damage that there is.
 */
export async function acceptDamagedJournal(id: string, { config }: { readonly config: string }): Promise<void> {
  const { path, isAccepted } = await acceptDamage(config, id.toLowerCase())
  if (!isAccepted) printError(`${path}: no damage with this SHA-256; run mgw journal check`)
  else print(`${path}: accepted; ${TAKES_EFFECT}. Revocations that it lost are no longer in force.`)
  process.exitCode = isAccepted ? EXIT_DONE : EXIT_USAGE
}
