import { describeError, type Logger } from '../logging/index.js'
import { type Inputs, readInputs } from './inputs.js'
import type { Replaced } from './served-inputs.js'

/** What came of reading the configuration again. Holds no secret. */
export interface ReloadOutcome extends Replaced {
  /** False: nothing has changed, or not in every worker; `problems` says why. */
  readonly succeeded: boolean
  /** What `mgw check` would warn of. */
  readonly warnings: readonly string[]
  /** How many APIs the definitions have. */
  readonly apis: number
}

/** The last reload. */
export interface ReloadState {
  /** When it began (epoch ms). */
  readonly at: number
  /** Absent while it is under way. */
  readonly outcome?: ReloadOutcome
}

export interface ReloadOptions {
  /** Whether all workers are replaced, one after the other. */
  readonly workers?: boolean
}

export interface ReloadingOptions {
  readonly configFile: string
  /** Serves by the new inputs; throws, and goes on by the old ones, for what cannot be used. */
  readonly serve: (inputs: Inputs, newWorkers: boolean) => Promise<Replaced>
  /** Called first: log files may have been renamed. */
  readonly reopenLogs: () => void
  readonly logger: Logger
}

/** Reads the configuration and the API definitions again and has them served, one time after the other. */
export class Reloading {
  readonly #options: ReloadingOptions
  #running: Promise<ReloadOutcome> | undefined
  #next: Promise<ReloadOutcome> | undefined
  #nextWorkers = false
  #state: ReloadState | undefined

  constructor(options: ReloadingOptions) {
    this.#options = options
  }

  /** The last reload, or the one under way; `undefined` if there was none. */
  get state(): ReloadState | undefined {
    return this.#state
  }

  /** Reloads what the files hold at some moment after the call. Never rejects; the log has the outcome, too. */
  reload({ workers = false }: ReloadOptions = {}): Promise<ReloadOutcome> {
    if (this.#running === undefined) return this.#begin(workers)
    this.#nextWorkers ||= workers
    this.#next ??= this.#running.then(() => {
      const newWorkers = this.#nextWorkers
      this.#next = undefined
      this.#nextWorkers = false
      return this.#begin(newWorkers)
    })
    return this.#next
  }

  #begin(newWorkers: boolean): Promise<ReloadOutcome> {
    const at = Date.now()
    this.#state = { at }
    this.#running = this.#once(newWorkers)
      .then((outcome) => {
        this.#state = { at, outcome }
        return outcome
      })
      .finally(() => {
        this.#running = undefined
      })
    return this.#running
  }

  async #once(newWorkers: boolean): Promise<ReloadOutcome> {
    const { configFile, serve, reopenLogs, logger } = this.#options
    reopenLogs()
    let outcome: ReloadOutcome
    try {
      const inputs = await readInputs(configFile)
      const { warnings, apis } = inputs
      for (const warning of warnings) logger.warn(warning)
      const replaced = await serve(inputs, newWorkers)
      outcome = { succeeded: replaced.problems.length === 0, ...replaced, warnings, apis: apis.length }
    } catch (error) {
      const nothing = { changed: [], needsRestart: [], warnings: [], apis: 0 }
      outcome = { succeeded: false, problems: problemsOf(error), ...nothing }
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
