import { createHash } from 'node:crypto'
import { text } from 'node:stream/consumers'
import { type Revoked, revokeToken } from '../gateway.js'
import { EXIT_DONE, EXIT_FAILED, EXIT_NOT_STORED, EXIT_USAGE } from './exit.js'

export interface RevokeCommandOptions {
  readonly config: string
  readonly expiresAt?: string
}

/** A moment below this is in seconds: as milliseconds it would be 1973. */
const SECONDS_BELOW = 1e11

/**
 * `mgw revoke`: puts a revocation to the store and publishes it to the topic, and prints what became of it. Exit status:
 * 0 the store has it, and the topic too if there is one; 1 something did not take it; 2 the token cannot be read, or there
 * is nothing to tell; 3 it was published, and no store that takes revocations is configured.
 */
export async function revoke(argument: string, options: RevokeCommandOptions): Promise<void> {
  const token = (argument === '-' ? await text(process.stdin) : argument).trim()
  const expiresAt = options.expiresAt === undefined ? undefined : readMoment(options.expiresAt)
  if (expiresAt === 'unreadable') {
    return end(EXIT_USAGE, ['--expires-at: expected a time in the future: seconds or ms since 1970, or ISO 8601'])
  }
  const revoked = await revokeToken(options.config, token, expiresAt)
  if (revoked === undefined) return end(EXIT_USAGE, ['expected a token or a jti: 1 to 65536 visible ASCII characters'])
  const status = statusOf(revoked)
  const lines = [describe(revoked, token), ...rows(revoked)]
  if (status === EXIT_USAGE) {
    lines.push('nothing was revoked: the configuration has neither a topic nor a store that accepts revocations')
  }
  if (status === EXIT_NOT_STORED) {
    lines.push('published, but not stored: only gateways that are subscribed to the topic now receive it')
  }
  return end(status, lines)
}

function statusOf({ told }: Revoked): number {
  const able = told.filter(({ outcome }) => outcome !== 'cannot')
  if (able.length === 0) return EXIT_USAGE
  if (!able.every(({ outcome }) => outcome === 'taken')) return EXIT_FAILED
  return able.some(({ target }) => target === 'store') ? EXIT_DONE : EXIT_NOT_STORED
}

/** Names the token as the gateway's log does, by a short hash. */
function describe({ by, record }: Revoked, token: string): string {
  const hash = createHash('sha256').update(token).digest('hex').slice(0, 12)
  const until = record.expiresAt === undefined ? 'an unknown expiry' : new Date(record.expiresAt).toISOString()
  const named = by === 'token' ? 'as given' : `by its ${by}`
  return `token ${hash}, named ${named}, until ${until}`
}

const DONE = { store: 'written', topic: 'published' } as const

function rows({ told }: Revoked): string[] {
  const width = Math.max(0, ...told.map(({ name }) => name.length))
  return told.map(({ target, name, outcome, reason }) => {
    const what = outcome === 'taken' ? DONE[target] : outcome === 'failed' ? `FAILED: ${reason}` : CANNOT
    return `  ${target}  ${name.padEnd(width)}  ${what}`
  })
}

const CANNOT = 'not written: the store is read-only (an event hub gets revocations from its key manager)'

function readMoment(when: string): number | 'unreadable' {
  const number = /^\d{1,16}$/.test(when) ? Number(when) : undefined
  const moment = number === undefined ? Date.parse(when) : number < SECONDS_BELOW ? number * 1000 : number
  return moment > Date.now() ? moment : 'unreadable'
}

/** Ends the process: a store's client may have left connections open. */
function end(status: number, lines: readonly string[]): void {
  const stream = status === EXIT_DONE ? process.stdout : process.stderr
  stream.write(`${lines.join('\n')}\n`, () => process.exit(status))
}
