import type { JsonObject } from '../../token/index.js'
import { isObject } from './read-set.js'

/** Who or what a SET is about, by a name that tokens have. */
export type Principal =
  | { readonly kind: 'user'; readonly sub: string }
  /** The users whose tokens have this value in the claim that `emailClaim` names. */
  | { readonly kind: 'email'; readonly email: string }
  | { readonly kind: 'session'; readonly sid: string }
  /** An opaque name that may be a session's or a user's. */
  | { readonly kind: 'session or user'; readonly id: string }
  | { readonly kind: 'token'; readonly jti: string }

/**
 * Why a subject stands for nobody whose tokens could be found.
 * - `foreign`: of another issuer
 * - `format`: in a format by which tokens have no name
 * - `narrowed`: with a member that narrows it and that tokens do not have: to leave it out would revoke more than was said
 */
export type Unreadable = 'foreign' | 'format' | 'narrowed'

/** How the subjects of a transmitter are read. */
export interface SubjectRules {
  /** The `iss` of the tokens. */
  readonly issuer: string
  /** The claim of the tokens that has their user's address; absent: addresses mean nobody. */
  readonly emailClaim?: string | undefined
  /** Members of complex subjects that narrow nothing at this transmitter. */
  readonly ignoredMembers: ReadonlySet<string>
  /** The transmitter's `critical_subject_members`: one that is not read makes the subject unreadable. */
  readonly criticalMembers: ReadonlySet<string>
}

/** Keycloak's name for all sessions of a user. */
const ALL_SESSIONS = 'ALL'
/** Members that say more of a session that is named: it is one user's, on one device. */
const DESCRIBE_SESSION: ReadonlySet<string> = new Set(['device', 'tenant', 'org_unit', 'group'])
/** RFC 9493 §3.2.8: identifiers in a list of aliases that are looked at. */
const MAX_ALIASES = 16

/**
 * Reads the subject of an event about a session, or about an account (RFC 9493 and SSF 1.0 §3). A complex subject is read as
 * its narrowest member that tokens have; one that nothing is known of narrows it, and makes it unreadable.
 */
export function readSubject(
  subject: JsonObject,
  about: 'session' | 'account',
  rules: SubjectRules,
): Principal | Unreadable {
  return isComplex(subject) ? readComplex(subject, about, rules) : readSimple(subject, about, rules)
}

function isComplex({ format, user, session }: JsonObject): boolean {
  return format === 'complex' || (format === undefined && (isObject(user) || isObject(session)))
}

function readComplex(subject: JsonObject, about: 'session' | 'account', rules: SubjectRules): Principal | Unreadable {
  const { format: _, user, session, ...others } = subject
  const who = isObject(user) ? readSimple(user, 'account', rules) : 'format'
  if (who === 'foreign') return who
  const isIgnored = about === 'account' && rules.ignoredMembers.has('session')
  const named = session === undefined || isIgnored ? 'all' : sessionIn(session, rules)
  if (named !== 'all' && typeof named === 'string') return named
  const describing = named === 'all' ? NONE : DESCRIBE_SESSION
  const narrows = (member: string) =>
    !rules.ignoredMembers.has(member) && (rules.criticalMembers.has(member) || !describing.has(member))
  if ((about === 'account' && named !== 'all') || Object.keys(others).some(narrows)) return 'narrowed'
  return named === 'all' ? who : named
}

const NONE: ReadonlySet<string> = new Set()

/** The session that a complex subject names, or that it means all of the user's. */
function sessionIn(session: unknown, rules: SubjectRules): Principal | Unreadable | 'all' {
  if (!isObject(session)) return 'format'
  if (session.format !== 'opaque') return session.format === 'jwt_id' ? readSimple(session, 'session', rules) : 'format'
  const { id } = session
  if (id === ALL_SESSIONS) return 'all'
  return isName(id) ? { kind: 'session', sid: id } : 'format'
}

function readSimple(subject: JsonObject, about: 'session' | 'account', rules: SubjectRules): Principal | Unreadable {
  const { format, iss, sub, id, email, jti, identifiers } = subject
  switch (format) {
    case 'iss_sub':
      if (iss !== rules.issuer) return 'foreign'
      return isName(sub) ? { kind: 'user', sub } : 'format'
    case 'opaque':
      if (!isName(id) || (about === 'session' && id === ALL_SESSIONS)) return 'format'
      return about === 'session' ? { kind: 'session or user', id } : { kind: 'user', sub: id }
    case 'email':
      return isName(email) && rules.emailClaim !== undefined ? { kind: 'email', email } : 'format'
    case 'jwt_id':
      if (iss !== rules.issuer) return 'foreign'
      return about === 'session' && isName(jti) ? { kind: 'token', jti } : 'format'
    case 'aliases':
      return Array.isArray(identifiers) ? readAliases(identifiers, about, rules) : 'format'
    default:
      return 'format'
  }
}

/** All identifiers are of the same subject: the first that can be read is enough. */
function readAliases(
  identifiers: readonly unknown[],
  about: 'session' | 'account',
  rules: SubjectRules,
): Principal | Unreadable {
  for (const each of identifiers.slice(0, MAX_ALIASES)) {
    if (!isObject(each) || each.format === 'aliases') continue
    const found = readSimple(each, about, rules)
    if (typeof found !== 'string') return found
  }
  return 'format'
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}
