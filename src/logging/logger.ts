import { type DestinationStream, pino } from 'pino'
import { describeError } from './describe.js'
import { LineOutput } from './line-output.js'
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
  /** Whether debug lines are written now: ask before building one on the request path. */
  readonly debugEnabled: boolean
}

/** Makes the logger of a component, named as WSO2 names it (`TokenRevocationJMS`, `AuthnFilter`, ...). */
export interface Logging {
  (component: string): Logger
  /** The least level that is written, if it can be changed. */
  level?: LogLevel
}

/** From what says most to what says nothing. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** The log of a process, whose level can be changed at any time. */
export interface OpenedLogging extends Logging {
  level: LogLevel
}

export interface LoggingOptions {
  readonly level: LogLevel
  /** `text`: WSO2's line layout. `json`: one JSON object a line, as pino writes it. */
  readonly format: 'text' | 'json'
  /** Where lines go; standard output if absent. */
  readonly stream?: DestinationStream
}

/** Opens the process's log. Lines to standard output are written as {@link LineOutput} says. */
export function createLogging(options: LoggingOptions): OpenedLogging {
  const leftOut = (lines: number) =>
    root.warn({ component: 'Log', lines }, 'log lines dropped: the reader of standard output is too slow')
  const out = options.stream ?? new LineOutput({ onLeftOut: leftOut })
  const root = pino(
    { level: options.level, base: null, formatters: { level: (label) => ({ level: label }) } },
    options.format === 'text' ? { write: (line: string) => out.write(wso2Layout(line)) } : out,
  )
  const opened = new Map<string, Child>()
  const open = (component: string): Child => {
    const log = root.child({ component })
    const logger: { -readonly [Member in keyof Logger]: Logger[Member] } = {
      debug: (text, fields) => log.debug(fields ?? {}, text),
      info: (text, fields) => log.info(fields ?? {}, text),
      warn: (text, fields) => log.warn(fields ?? {}, text),
      error: (text, cause, fields) =>
        log.error({ ...fields, ...(cause === undefined ? {} : { cause: describeError(cause) }) }, text),
      debugEnabled: log.isLevelEnabled('debug'),
    }
    return {
      logger,
      setLevel(level) {
        log.level = level
        logger.debugEnabled = log.isLevelEnabled('debug')
      },
    }
  }
  const logging = (component: string): Logger => {
    const child = opened.get(component) ?? open(component)
    opened.set(component, child)
    return child.logger
  }
  return Object.defineProperty(logging, 'level', {
    get: () => root.level,
    set(level: LogLevel) {
      root.level = level
      for (const child of opened.values()) child.setLevel(level)
    },
  }) as OpenedLogging
}

/** The log of a component. */
interface Child {
  readonly logger: Logger
  setLevel(level: LogLevel): void
}

/** A log that writes nothing, for callers that were given none. */
export const silent: OpenedLogging = createLogging({
  level: 'silent',
  format: 'json',
  stream: { write: () => undefined },
})
