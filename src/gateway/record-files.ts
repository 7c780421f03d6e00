import { access, constants, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Config } from '../config/index.js'
import { codeOf, hasCode } from '../error-code.js'
import { describeError, FailureLog, LineOutput, type Logger, type Logging } from '../logging/index.js'
import { add, type Samples } from '../metrics/index.js'
import { AccessLog, type RequestObserver } from '../server/index.js'
import { AuditLog } from './audit-log.js'

/** Milliseconds for which a line of the access log waits for others: a write for each would cost more than all else. */
const ACCESS_DELAY = 100

/** The access log and the audit log of a process, as far as they are on. */
export class RecordFiles {
  readonly audit: AuditLog | undefined
  readonly #outputs = new Map<'access' | 'audit', LineOutput>()
  readonly #observers: RequestObserver[] = []
  readonly #logger: Logger

  /**
   * Opens the files. Throws for one that cannot be opened.
   *
   * @param serves whether this process serves requests: else it has no access log
   */
  constructor({ accessLog, auditLog }: Config, logging: Logging, serves: boolean) {
    this.#logger = logging('Log')
    if (auditLog.enable) {
      const output = this.#open('audit', auditLog.file, 0, (lines) => this.audit?.lost(lines))
      this.audit = new AuditLog(output)
      this.#observers.push(this.audit)
    }
    if (!accessLog.enable || !serves) return
    this.#observers.push(new AccessLog(this.#open('access', accessLog.file, ACCESS_DELAY), accessLog))
  }

  /** Those that are to be told of requests. */
  get observers(): readonly RequestObserver[] {
    return this.#observers
  }

  /** Opens the files by their names again, after a log rotation. One that cannot be opened goes on as it was. */
  reopen(): void {
    for (const [log, output] of this.#outputs) {
      try {
        output.reopen()
      } catch (error) {
        this.#logger.error(`cannot reopen the ${log} log; writing to the file from before`, error)
      }
    }
  }

  /** Adds how many lines were dropped. */
  collect(samples: Samples): void {
    for (const [log, output] of this.#outputs) add(samples, 'mgw_log_lines_dropped_total', [log], output.dropped)
  }

  /** Writes what waits. */
  async close(): Promise<void> {
    await Promise.all([...this.#outputs.values()].map((output) => output.close()))
  }

  #open(
    log: 'access' | 'audit',
    file: string | undefined,
    delay: number,
    onLost?: (lines: number) => void,
  ): LineOutput {
    const failures = new FailureLog(this.#logger, () => performance.now())
    const onFailed = (error: Error) =>
      failures.failed('error', `cannot write the ${log} log; its lines are lost`, describeError(error))
    const onLeftOut = (lines: number) => {
      failures.over()
      this.#logger.warn(`${log} log lines lost: the disk or the reader was too slow, or full`, { lines })
      onLost?.(lines)
    }
    try {
      const output = new LineOutput({ file, delay, onLeftOut, onFailed })
      this.#outputs.set(log, output)
      return output
    } catch (cause) {
      throw new LogFileError(log, file ?? 'standard output', cause)
    }
  }
}

/** Throws what {@link RecordFiles} would, without creating a file. */
export async function tryRecordFiles({ accessLog, auditLog }: Config): Promise<void> {
  for (const [log, { enable, file }] of [
    ['access', accessLog],
    ['audit', auditLog],
  ] as const) {
    if (!enable || file === undefined) continue
    try {
      await tryToAppend(file)
    } catch (cause) {
      throw new LogFileError(log, file, cause)
    }
  }
}

/** Throws the file system's error if lines cannot be appended to a file, or it cannot be created; no directory is, for it. */
async function tryToAppend(file: string): Promise<void> {
  try {
    if ((await stat(file)).isDirectory()) throw Object.assign(new Error('a directory'), { code: 'EISDIR' })
    await access(file, constants.W_OK)
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error
    await access(dirname(file), constants.W_OK | constants.X_OK)
  }
}

/** A log's file cannot be opened. */
class LogFileError extends Error {
  readonly code = 'ERR_LOG_FILE'

  constructor(log: string, path: string, cause: unknown) {
    const why = codeOf(cause) ?? 'unknown error'
    const remedy =
      why === 'ENXIO'
        ? 'nobody reads it: start the reader of a named pipe first'
        : 'name a file in a directory that exists and is writable'
    super(`${log}Log.file: cannot open ${path} (${why}); ${remedy}`)
    this.name = 'LogFileError'
  }
}
