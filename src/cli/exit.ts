import { CommanderError } from 'commander'
import { describeError } from '../logging/index.js'

/** The command did what it was asked to. */
export const EXIT_DONE = 0
/** It could not go on: a port is in use, a file cannot be written. */
export const EXIT_FAILED = 1
/** The command line or the configuration is wrong: nothing was started. */
export const EXIT_USAGE = 2
/** A revocation was published, and nothing keeps it: gateways that did not listen at that moment do not learn of it. */
export const EXIT_NOT_STORED = 3

/** Files and secrets that the configuration names and that are no good, by their codes: a worker's error has no more. */
const OF_CONFIGURATION =
  /^ERR_(CERTIFICATE_.+|CLAIM_MAPPING|KEY_NOT_SUPPORTED|SHARED_SECRET_TOO_SHORT|STATE_DIRECTORY)$/

/** Prints an error for people and sets the exit status that goes with it. */
export function exitWith(error: unknown): void {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? EXIT_DONE : EXIT_USAGE
    return
  }
  if (isProblemList(error)) {
    console.error(error.message)
    process.exitCode = EXIT_USAGE
    return
  }
  console.error(`mgw: ${describeError(error)}`)
  process.exitCode = isOfConfiguration(error) ? EXIT_USAGE : EXIT_FAILED
}

function isOfConfiguration(error: unknown): boolean {
  return error instanceof Error && 'code' in error && OF_CONFIGURATION.test(String(error.code))
}

/** Configuration and definition errors list their problems themselves, line by line, and hold no secret. */
function isProblemList(error: unknown): error is Error {
  return error instanceof Error && 'problems' in error && Array.isArray(error.problems)
}
