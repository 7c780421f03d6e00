import { createHash } from 'node:crypto'
import { text } from 'node:stream/consumers'
import { type Announcement, type Revoked, revokeByRule, revokeToken } from '../gateway.js'
import { type ClaimsRevocation, type IssuerRevocation, isIssuer, readClaims } from '../revocation/index.js'
import { EXIT_DONE, EXIT_FAILED, EXIT_NOT_STORED, EXIT_USAGE } from './exit.js'
import { printAndExit, writeError } from './output.js'

export interface RevokeCommandOptions {
  readonly config: string
  readonly expiresAt?: string
  readonly issuer?: string
  readonly claim?: readonly string[]
  readonly all?: boolean
}

/** A moment below this is in seconds: as milliseconds it would be 1973. */
const SECONDS_BELOW = 1e11

/**
 * `mgw revoke`: puts a revocation to the store and publishes it to the topic, and prints what became of it. Exit status:
 * 0 the store has it, and the topic too if there is one; 1 something did not take it; 2 the token cannot be read, or there
 * is nothing to tell; 3 it was published, and no store that takes revocations is configured.
 */
export async function revoke(argument: string | undefined, options: RevokeCommandOptions): Promise<void> {
  const expiresAt = options.expiresAt === undefined ? undefined : readMoment(options.expiresAt)
  if (expiresAt === 'unreadable') {
    return end(EXIT_USAGE, ['--expires-at: expected a time in the future: seconds or ms since 1970, or ISO 8601'])
  }
  const { issuer, claim, all } = options
  if (issuer !== undefined && !isIssuer(issuer)) return end(EXIT_USAGE, ['--issuer: expected 1 to 2048 characters'])
  if ([argument, claim, all].filter((given) => given !== undefined).length !== 1) {
    return end(EXIT_USAGE, ['expected one of: a token or its jti, --claim, --all'])
  }
  if (argument === undefined) return revokeRule(options, expiresAt)
  // Other white space may be a jti's own: without it another one would be revoked.
  const token = argument === '-' ? (await text(process.stdin)).replace(/\r?\n$/, '') : argument
  const revoked = await revokeToken(options.config, token, { expiresAt, issuer })
  if ('problem' in revoked) return end(EXIT_USAGE, [revoked.problem])
  endWith(describe(revoked, token), revoked.told)
}

async function revokeRule(options: RevokeCommandOptions, expiresAt: number | undefined): Promise<void> {
  const ruleOf = readRule(options, expiresAt)
  if (typeof ruleOf === 'string') return end(EXIT_USAGE, [ruleOf])
  const { rule, told } = await revokeByRule(options.config, ruleOf)
  const until = new Date(rule.revokedBefore).toISOString()
  const whose = options.issuer === undefined ? 'of any issuer' : `of ${options.issuer}`
  const which = rule.kind === 'claims' ? ` with the given ${Object.keys(rule.claims).join(', ')}` : ''
  endWith(`tokens ${whose}${which}, issued before ${until}`, told)
}

/** The rule that the options describe, for a moment, or what is wrong with them. */
function readRule(
  { issuer, claim }: RevokeCommandOptions,
  expiresAt: number | undefined,
): ((revokedBefore: number) => IssuerRevocation | ClaimsRevocation) | string {
  if (claim === undefined) {
    if (issuer === undefined) return '--all requires --issuer'
    return (revokedBefore) => ({ kind: 'issuer', iss: issuer, revokedBefore, expiresAt })
  }
  const pairs = claim.map((text) => /^([^=]+)=(.*)$/s.exec(text)?.slice(1, 3))
  const claims = pairs.includes(undefined) ? undefined : readClaims(Object.fromEntries(pairs as [string, string][]))
  if (claims === undefined || Object.keys(claims).length < claim.length) {
    return '--claim: expected name=value, up to four times, each name once'
  }
  const scope = issuer === undefined ? {} : { iss: issuer }
  return (revokedBefore) => ({ kind: 'claims', claims, ...scope, revokedBefore, expiresAt })
}

function endWith(what: string, told: readonly Announcement[]): void {
  const status = statusOf(told)
  const lines = [what, ...rows(told)]
  if (status === EXIT_USAGE) {
    lines.push('nothing was revoked: the configuration has neither a topic nor a store that accepts it')
  }
  if (status === EXIT_NOT_STORED) {
    lines.push('published, but not stored: only gateways that are subscribed to the topic now receive it')
  }
  end(status, lines)
}

function statusOf(told: readonly Announcement[]): number {
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

function rows(told: readonly Announcement[]): string[] {
  const width = Math.max(0, ...told.map(({ name }) => name.length))
  return told.map(({ target, name, outcome, reason }) => {
    const what = { taken: DONE[target], failed: 'FAILED', cannot: `not ${DONE[target]}` }[outcome]
    return `  ${target}  ${name.padEnd(width)}  ${what}${reason === undefined ? '' : `: ${reason}`}`
  })
}

function readMoment(when: string): number | 'unreadable' {
  const number = /^\d{1,16}$/.test(when) ? Number(when) : undefined
  const moment = number === undefined ? Date.parse(when) : number < SECONDS_BELOW ? number * 1000 : number
  return moment > Date.now() ? moment : 'unreadable'
}

/** Ends the process: a store's client may have left connections open. */
function end(status: number, lines: readonly string[]): void {
  if (status === EXIT_DONE) return printAndExit(lines.join('\n'), status)
  writeError(`${lines.join('\n')}\n`, () => process.exit(status))
}
