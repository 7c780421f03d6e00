import type { IncomingMessage } from 'node:http'
import { parseJson } from '../json.js'
import { LOG_LEVELS, type LogLevel } from '../logging/index.js'
import { type AdminAnswer, badRequest } from './answer.js'
import { type ProtectedOptions, readProtected } from './protected.js'

/** The least level that the gateway's log writes. */
export interface LogLevelOptions {
  get(): LogLevel
  /** Changes it, in every worker too, until the gateway is restarted. */
  set(level: LogLevel): void
}

/** `POST /log-level`: changes the level of the log; with an empty object it only says which it is. */
export async function answerLogLevel(
  req: IncomingMessage,
  access: ProtectedOptions,
  logLevel: LogLevelOptions,
): Promise<AdminAnswer> {
  const text = await readProtected(req, access)
  if (typeof text !== 'string') return text
  const level = levelIn(text)
  if (level === 'invalid')
    return badRequest(`the body must be {"level": ...} with one of ${LOG_LEVELS.join(', ')}, or {}`)
  if (level !== undefined) logLevel.set(level)
  return { status: 200, body: { level: logLevel.get() } }
}

function levelIn(text: string): LogLevel | undefined | 'invalid' {
  let body: unknown
  try {
    body = parseJson(text)
  } catch {
    return 'invalid'
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return 'invalid'
  const { level, ...others } = body as Readonly<Record<string, unknown>>
  if (Object.keys(others).length > 0) return 'invalid'
  return level === undefined ? undefined : (LOG_LEVELS.find((each) => each === level) ?? 'invalid')
}
