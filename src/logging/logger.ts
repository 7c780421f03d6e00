import { type DestinationStream, type LevelWithSilent, pino } from 'pino'
import { describeError } from './describe.js'
import { StandardOutput } from './standard-output.js'
import { wso2Layout } from './wso2-layout.js'

/** What a line says beside its text. `requestId` fills the last bracket of WSO2's layout. */
export type Fields = Readonly<Record<string, string | number | boolean | undefined>>

/** Writes the lines of one component. Fields must never hold a token, a jti, a password or a broker's URL. */
export interface Logger {
  debug(text: string, fields?: Fields): void
  info(text: string, fields?: Fields): void
  warn(text: string, fields?: Fields): void
  /** `cause` is printed with its chain of causes, scrubbed of credentials. */
  error(text: string, cause?: unknown, fields?: Fields): void
  /** Whether debug lines are written: ask before building one on the request path. */
  readonly debugEnabled: boolean
}

/** Makes the logger of a component, named as WSO2 names it (`TokenRevocationJMS`, `AuthnFilter`, ...). */
export type Logging = (component: string) => Logger

export interface LoggingOptions {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent'
  /** `text`: WSO2's line layout. `json`: one JSON object a line, as pino writes it. */
  readonly format: 'text' | 'json'
  /** Where lines go; standard output if absent. */
  readonly stream?: DestinationStream
}

/** Opens the process's log. Lines to standard output are written as {@link StandardOutput} says. */
export function createLogging(options: LoggingOptions): Logging {
  const leftOut = (lines: number) =>
    root.warn({ component: 'Log', lines }, 'log lines dropped: the reader of standard output is too slow')
  const out = options.stream ?? new StandardOutput(leftOut)
  const level: LevelWithSilent = options.level
  const root = pino(
    { level, base: null, formatters: { level: (label) => ({ level: label }) } },
    options.format === 'text' ? { write: (line: string) => out.write(wso2Layout(line)) } : out,
  )
  return (component) => {
    const log = root.child({ component })
    return {
      debug: (text, fields) => log.debug(fields ?? {}, text),
      info: (text, fields) => log.info(fields ?? {}, text),
      warn: (text, fields) => log.warn(fields ?? {}, text),
      error: (text, cause, fields) =>
        log.error({ ...fields, ...(cause === undefined ? {} : { cause: describeError(cause) }) }, text),
      debugEnabled: log.isLevelEnabled('debug'),
    }
  }
}

/** A log that writes nothing, for callers that were given none. */
export const silent: Logging = createLogging({ level: 'silent', format: 'json', stream: { write: () => undefined } })
