import { CommanderError } from 'commander'
import { codeOf } from '../error-code.js'
import { describeError } from '../logging/describe.js'
import { printError } from './output.js'

/** The command did what it was asked to. */
export const EXIT_DONE = 0
/** It could not go on: a port is in use, a file cannot be written. */
export const EXIT_FAILED = 1
/** The command line or the configuration is wrong: nothing was started. */
export const EXIT_USAGE = 2
/** A revocation was published, and nothing keeps it: gateways that did not listen at that moment do not learn of it. */
export const EXIT_NOT_STORED = 3

/** The answer is no: the gateway does not serve protected APIs, or refuses the token. */
export const EXIT_NO = 4

/** Files and secrets that the configuration names and that are no good, by their codes: a worker's error has no more. */
const OF_CONFIGURATION =
  /^ERR_(CERTIFICATE_.+|CLAIM_MAPPING|KEY_MANAGER_CREDENTIALS|KEY_NOT_SUPPORTED|LOG_FILE|SHARED_SECRET_TOO_SHORT|STATE_DIRECTORY)$/

/** Prints an error for people and sets the exit status that goes with it. */
export function exitWith(error: unknown): void {
  // commander has printed its own.
  if (!(error instanceof CommanderError)) {
    printError(isProblemList(error) ? error.message : `mgw: ${describeError(error)}`)
  }
  process.exitCode = exitStatusOf(error)
}

/** The exit status that goes with an error. */
export function exitStatusOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_DONE : EXIT_USAGE
  return isProblemList(error) || OF_CONFIGURATION.test(codeOf(error) ?? '') ? EXIT_USAGE : EXIT_FAILED
}

/** Configuration and definition errors list their problems themselves, line by line, and hold no secret. */
export function isProblemList(error: unknown): error is Error & { readonly problems: readonly unknown[] } {
  return error instanceof Error && 'problems' in error && Array.isArray(error.problems)
}

/** A second signal within this time is the same one: a shell and its parent both pass it on. Milliseconds. */
const SAME_SIGNAL = 1_000

/**
 * Starts something, waits for SIGTERM or SIGINT, closes it, and ends the process with status 0. A signal that comes while it
 * starts lets it start and closes it. A second one, later, ends the process at once, with status 1.
 */
export async function untilSignal(start: () => Promise<{ close(): Promise<void> }>): Promise<void> {
  let asked: number | undefined
  const signal = new Promise<void>((resolve) => {
    const onSignal = () => {
      asked ??= performance.now()
      if (performance.now() - asked > SAME_SIGNAL) process.exit(1)
      resolve()
    }
    process.on('SIGTERM', onSignal)
    process.on('SIGINT', onSignal)
  })
  // Else a file that outgrows the process's limit (ulimit -f) ends it; so the write fails, which is reported.
  process.on('SIGXFSZ', () => undefined)
  const started = await start()
  await signal
  await started.close()
  process.exit(0)
}
