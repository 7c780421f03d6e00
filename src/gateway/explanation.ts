import { type Api, holdsScopes, type Match } from '../apis/index.js'
import type { Authenticated, Examination, Refused } from '../auth/index.js'
import { faults } from '../faults/index.js'
import type { ListedName } from '../revocation/index.js'
import { NO_ENDPOINT } from '../server/index.js'
import type { TokenIdentity } from '../token/index.js'
import type { Revocations } from './revocations.js'

/** One thing that a request is checked for. */
export interface Step {
  readonly step: 'list' | 'route' | 'credential' | 'issuer' | 'authentication' | 'scopes' | 'revocation'
  readonly passed: boolean
  /** For people. */
  readonly detail: string
}

/** What would become of a request with a token, and why. Holds no part of the token. */
export interface Explanation {
  readonly verdict: {
    readonly accepted: boolean
    /** Of the response, unless it is accepted. */
    readonly status?: number
    readonly code?: number
    readonly reason?: string
  }
  readonly token: {
    /** The first 12 hexadecimal digits of its SHA-256, by which the log names it. */
    readonly hash?: string
    /** Whether its issuer vouches for it; else its names are only what it says itself. */
    readonly verified: boolean
    readonly issuedAt?: string
    readonly expiresAt?: string
    readonly scopes?: readonly string[]
  }
  readonly steps: readonly Step[]
  /** All names that are looked up, in their order. */
  readonly names: readonly ListedName[]
}

/** A request to be explained. */
export interface ExplainedRequest {
  readonly token: string
  /** Both or none: where the token is used. */
  readonly method?: string
  readonly path?: string
}

/** A step, and what it has a request refused with. */
export interface Check extends Step {
  /** What a request is refused with; absent for a step that passes, or that another one decides. */
  readonly refused?: Refused
}

export const NO_KEYS: Refused = { fault: faults.keyManagerUnavailable, reason: 'no-keys' }

/** Whether the list is known: without it no token can be judged. */
export function listKnown(revocations: Revocations): Check {
  const { known, reason } = revocations.state()
  const refused: Refused = { fault: faults.notSynchronised, reason: 'not-synchronised' }
  return { step: 'list', passed: known, detail: reason, ...(known ? {} : { refused }) }
}

/** What the token is, and what its issuer's configurations say of it. */
export function describe(examination: Examination): Check[] {
  if (examination.kind === 'malformed') {
    return [{ step: 'credential', passed: false, detail: `not an access token: ${examination.reason}` }]
  }
  if (examination.kind === 'opaque') return [{ step: 'credential', passed: true, detail: 'an opaque token' }]
  const { algorithm, hasKeyId, issuer, verdicts } = examination
  const credential = `a JWT, signed by ${algorithm}, ${hasKeyId ? 'with' : 'without'} a key id`
  return [
    { step: 'credential', passed: true, detail: credential },
    ...(issuer === undefined
      ? [{ step: 'issuer', passed: false, detail: 'its iss is not that of a configured issuer' } as const]
      : verdicts.map(({ reason, detail = '' }): Check => {
          const text = reason === undefined ? 'key, signature and claims are good' : `${reason}: ${detail}`
          return { step: 'issuer', passed: reason === undefined, detail: `${issuer}: ${text}` }
        })),
  ]
}

/** @param isRequired whether the operation requires a token: else one that is not accepted is forwarded as it came */
export function authenticated(outcome: Refused | { readonly identity: TokenIdentity }, isRequired: boolean): Check {
  if (!('fault' in outcome)) return { step: 'authentication', passed: true, detail: 'accepted' }
  const detail = isRequired ? outcome.reason : `${outcome.reason}; the operation requires no token`
  return { step: 'authentication', passed: false, detail, ...(isRequired ? { refused: outcome } : {}) }
}

/** Where a request would go, or why nowhere. */
export function routed(found: Match | Refused): Check {
  if ('fault' in found) {
    const detail = NOWHERE.get(found.reason) ?? `the path is refused: ${found.reason}`
    return { step: 'route', passed: false, detail, refused: found }
  }
  const { api, resource } = found
  const only = api.transports.length === 1 ? `, over ${api.transports[0]} only` : ''
  return { step: 'route', passed: true, detail: `${nameOf(api)}: ${resource.method} ${resource.fullTemplate}${only}` }
}

const NOWHERE: ReadonlyMap<string, string> = new Map([
  ['no-api', 'no API serves it'],
  ['no-resource', 'its API has no such path'],
  ['method-not-allowed', 'the path does not have this method'],
  ['not-served', 'its definition requires what the gateway cannot check'],
])

/** Whether the operation has an endpoint for tokens of this type; nothing is said where it has. */
export function forwarded({ resource }: Match, caller: Authenticated | undefined): Check[] {
  const keyType = resource.secured ? caller?.keyType : 'PRODUCTION'
  if (keyType === undefined || resource[keyType === 'SANDBOX' ? 'sandbox' : 'production'] !== undefined) return []
  const refused = NO_ENDPOINT[keyType]
  return [{ step: 'route', passed: false, detail: `no ${keyType.toLowerCase()} endpoint`, refused }]
}

/** Whether the token has the scopes that the operation requires. */
export function scoped(match: Match, held: ReadonlySet<string>): Check[] {
  if (!match.resource.secured) return []
  const required = [match.resource.scopes, ...match.furtherScopes]
    .filter((alternatives) => alternatives.length > 0)
    .map((alternatives) => alternatives.map((all) => all.join(' and ')).join(', or '))
  const passed = holdsScopes(match, held)
  const detail = required.length === 0 ? 'none are required' : `requires ${required.join('; ')}`
  const refused: Refused = { fault: faults.scopeNotAllowed, reason: 'scope' }
  return [{ step: 'scopes', passed, detail, ...(passed ? {} : { refused }) }]
}

/** The list's own verdict decides: what names are shown only explains it. */
export function revoked(
  identities: readonly TokenIdentity[],
  names: readonly ListedName[],
  revocations: Revocations,
): Check {
  const found = identities.flatMap((identity) => revocations.find(identity) ?? [])[0]
  if (found === undefined) {
    return { step: 'revocation', passed: true, detail: `not revoked: ${names.length} names looked up` }
  }
  const learnt = new Date(found.learntAt).toISOString()
  const refused: Refused = { fault: faults.invalidCredentials, reason: 'revoked' }
  return {
    step: 'revocation',
    passed: false,
    detail: `by ${found.by}, from ${found.source}, learnt ${learnt}`,
    refused,
  }
}

/** What a client is told. */
export function inAnswer({ fault, reason }: Refused) {
  return { status: fault.status, code: fault.code, reason }
}

/** When a token was issued and ends, as far as it says so. */
export function times({ issuedAt, expiresAt }: TokenIdentity): { issuedAt?: string; expiresAt?: string } {
  const iso = (moment: number) => new Date(Math.min(moment, LAST_INSTANT)).toISOString()
  return {
    ...(issuedAt > 0 ? { issuedAt: iso(issuedAt) } : {}),
    ...(expiresAt === undefined ? {} : { expiresAt: iso(expiresAt) }),
  }
}

/** Beyond this no `Date` exists. */
const LAST_INSTANT = 8.64e15

function nameOf({ name, version }: Api): string {
  return version === '' ? name : `${name} ${version}`
}
