import { describeError, type Logger } from '../logging/index.js'
import { type Inputs, readInputs } from './inputs.js'

/** What came of reading the configuration anew. Holds no secret. */
export interface ReloadOutcome {
  /** False: nothing has changed, or not in every worker; `problems` says why. */
  readonly succeeded: boolean
  readonly problems: readonly string[]
  /** Sections and keys whose changes take effect at the next start. */
  readonly needsRestart: readonly string[]
}

export interface ReloadingOptions {
  readonly configFile: string
  /** Serves by the new inputs; throws, and goes on by the old ones, for what cannot be used. */
  readonly serve: (inputs: Inputs) => Promise<Pick<ReloadOutcome, 'problems' | 'needsRestart'>>
  /** Called first: log files may have been renamed. */
  readonly reopenLogs: () => void
  readonly logger: Logger
}

/** Reads the configuration and the API definitions anew and has them served, one time after the other. */
export class Reloading {
  readonly #options: ReloadingOptions
  #running: Promise<ReloadOutcome> | undefined
  #next: Promise<ReloadOutcome> | undefined

  constructor(options: ReloadingOptions) {
    this.#options = options
  }

  /** Reloads what the files hold at some moment after the call. Never rejects; the log has the outcome, too. */
  reload(): Promise<ReloadOutcome> {
    if (this.#running === undefined) return this.#begin()
    this.#next ??= this.#running.then(() => {
      this.#next = undefined
      return this.#begin()
    })
    return this.#next
  }

  #begin(): Promise<ReloadOutcome> {
    this.#running = this.#once().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  async #once(): Promise<ReloadOutcome> {
    const { configFile, serve, reopenLogs, logger } = this.#options
    reopenLogs()
    let outcome: ReloadOutcome
    try {
      const inputs = await readInputs(configFile)
      for (const warning of inputs.warnings) logger.warn(warning)
      const { problems, needsRestart } = await serve(inputs)
      outcome = { succeeded: problems.length === 0, problems, needsRestart }
    } catch (error) {
      outcome = { succeeded: false, problems: problemsOf(error), needsRestart: [] }
    }
    for (const problem of outcome.problems) logger.error(`reload failed: ${problem}`)
    const { needsRestart } = outcome
    if (needsRestart.length > 0) {
      logger.warn('changes that take effect at the next start', { keys: needsRestart.join(', ') })
    }
    if (outcome.succeeded) logger.info('configuration reloaded')
    return outcome
  }
}

/** Errors of configuration and definitions list their problems line by line, and hold no secret. */
function problemsOf(error: unknown): string[] {
  if (error instanceof Error && 'problems' in error) return error.message.split('\n').filter((line) => line !== '')
  return [describeError(error)]
}
