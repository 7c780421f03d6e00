import { numberText } from '../json.js'
import type { JsonObject } from './credential.js'
import type { Fingerprint, Fingerprinter } from './fingerprint.js'

/** The value of a claim that a rule may name. It equals its text: `5` is `"5"`, `true` is `"true"`. */
export type ClaimValue = string | number | boolean

/**
 * The names of the claims that rules of one form compare, in ascending order. A name is a claim's own, or a path to a nested
 * one: `act.sub`. Names with dots may be part of a path: all readings of it count.
 */
export interface ClaimSet {
  readonly names: readonly string[]
  /** Whether its rules name an issuer, too. */
  readonly ofIssuer: boolean
}

/** A rule's claims at most. */
export const MAX_CLAIMS = 4
/** Readings of a token's claims by one set: two sets of claims, and a few names with dots. */
const MAX_READINGS = 64
/** Different sets of names at most: a token is hashed once for each. */
export const MAX_CLAIM_SETS = 64

/** The fingerprints of a token's claims, for the sets of names that rules use. */
export interface TokenClaims {
  /** Those for each set of which the token has all claims, mostly one. The same array as long as `sets` has not grown. */
  of(sets: readonly ClaimSet[]): readonly Fingerprint[]
}

/** The set of names that a rule's claims have. */
export function claimSetOf(claims: Readonly<Record<string, ClaimValue>>, issuer: string | undefined): ClaimSet {
  return { names: Object.keys(claims).sort(), ofIssuer: issuer !== undefined }
}

/** The fingerprint of a rule's claims. */
export function claimsFingerprint(
  claims: Readonly<Record<string, ClaimValue>>,
  issuer: string | undefined,
  fingerprints: Fingerprinter,
): Fingerprint {
  const pairs = claimSetOf(claims, issuer).names.map((name) => [name, written(claims[name])])
  return hash(pairs, issuer, fingerprints)
}

/** A token's claims; hashed when they are first asked for. */
export class ClaimValues implements TokenClaims {
  readonly #claims: readonly JsonObject[]
  readonly #issuers: readonly string[]
  readonly #fingerprints: Fingerprinter
  #found: readonly Fingerprint[] = []
  #sets = 0

  /** @param claims the token's sets of claims: a rule compares each claim with those of all */
  constructor(claims: readonly JsonObject[], issuers: readonly string[], fingerprints: Fingerprinter) {
    this.#claims = claims
    this.#issuers = issuers
    this.#fingerprints = fingerprints
  }

  of(sets: readonly ClaimSet[]): readonly Fingerprint[] {
    if (sets.length === this.#sets) return this.#found
    const more = sets.slice(this.#sets).flatMap((set) => this.#matching(set))
    this.#sets = sets.length
    this.#found = [...this.#found, ...more]
    return this.#found
  }

  #matching({ names, ofIssuer }: ClaimSet): Fingerprint[] {
    let rows: [name: string, value: string][][] = [[]]
    for (const name of names) {
      const values = new Set(this.#claims.flatMap((claims) => valuesAt(claims, name)))
      rows = rows.flatMap((row) => [...values].map((value) => [...row, [name, value] as [string, string]]))
    }
    const issuers = ofIssuer ? this.#issuers : [undefined]
    return rows.slice(0, MAX_READINGS).flatMap((row) => issuers.map((issuer) => hash(row, issuer, this.#fingerprints)))
  }
}

function hash(pairs: readonly unknown[], issuer: string | undefined, fingerprints: Fingerprinter): Fingerprint {
  const text = JSON.stringify(pairs)
  return issuer === undefined ? fingerprints.of('claims', text) : fingerprints.ofIssuer(issuer, 'claims', text)
}

/** How a value is hashed; `undefined` for what no rule can name. */
function written(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  if (typeof value === 'boolean') return String(value)
  return typeof value === 'number' ? numberText(value) : undefined
}

/** The values that a path may mean, as text: `a.b.c` is `a.b.c`, `c` of `a.b`, or what `b.c` means in `a`. */
function valuesAt(claims: JsonObject, path: string): string[] {
  const own = Object.hasOwn(claims, path) ? written(claims[path]) : undefined
  const found = own === undefined ? [] : [own]
  for (let dot = path.indexOf('.'); dot >= 0; dot = path.indexOf('.', dot + 1)) {
    const outer = path.slice(0, dot)
    const inner = Object.hasOwn(claims, outer) ? claims[outer] : undefined
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) continue
    found.push(...valuesAt(inner as JsonObject, path.slice(dot + 1)))
  }
  return found
}
