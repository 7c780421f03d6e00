import { parseJson } from '../json.js'

/** The members of a JOSE header or of a claims set. Integers beyond a double's precision are strings of their digits. */
export type JsonObject = Readonly<Record<string, unknown>>

/** A compact JWS (RFC 7515 §3.1) in its canonical spelling. Nothing of it is verified yet. */
export interface CompactJwt {
  readonly kind: 'jwt'
  /** The credential without padding. */
  readonly token: string
  readonly header: JsonObject
  readonly claims: JsonObject
  /** The third segment, without padding. */
  readonly signature: string
}

/** A credential without exactly three parts: only its issuer can read it, an encrypted JWT (JWE) included. */
export interface OpaqueToken {
  readonly kind: 'opaque'
  readonly token: string
}

/** A malformed or ambiguous credential. `reason` is a short word for logs and metrics. */
export interface UnreadableCredential {
  readonly kind: 'refused'
  readonly reason: 'length' | 'charset' | 'base64url' | 'json'
}

export type Credential = CompactJwt | OpaqueToken

/** Longest credential accepted, in characters. */
export const MAX_CREDENTIAL_LENGTH = 65_536
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const SEGMENT = /^[A-Za-z0-9_-]+$/
/** Unused bits of a segment's last character, by its length modulo 4. No segment has 4n + 1 characters. */
const SPARE_BITS: readonly (number | undefined)[] = [0, undefined, 0b1111, 0b11]
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Reads what follows `Bearer`. Three dot-separated parts are a JWT and are held to one spelling: base64url that encodes
 * back to itself (right `=` padding is accepted and stripped), a header and claims that are JSON objects without
 * duplicate members, a signature that is not empty. Anything else of visible ASCII is opaque; a JWE (RFC 7516 §3.1) is
 * held to one spelling, too, without padding.
 */
export function readCredential(credential: string): Credential | UnreadableCredential {
  if (credential.length === 0 || credential.length > MAX_CREDENTIAL_LENGTH) return refused('length')
  if (!/^[\x21-\x7e]+$/.test(credential)) return refused('charset')
  const parts = credential.split('.', 6)
  if (parts.length === 5 && isJoseHeader(parts[0] ?? '') && !parts.every(isCanonical)) return refused('base64url')
  if (parts.length !== 3) return { kind: 'opaque', token: credential }
  const [protectedHeader, payload, signature] = parts.map(strictSegment)
  if (protectedHeader === undefined || payload === undefined || signature === undefined) return refused('base64url')
  const header = readObject(protectedHeader)
  const claims = readObject(payload)
  if (header === undefined || claims === undefined) return refused('json')
  return { kind: 'jwt', token: `${protectedHeader}.${payload}.${signature}`, header, claims, signature }
}

function refused(reason: UnreadableCredential['reason']): UnreadableCredential {
  return { kind: 'refused', reason }
}

/**
 * Returns a segment without padding if it is canonical base64url (RFC 4648 §5); the padding that old WSO2 versions leave
 * on is accepted. `undefined` for any other spelling: decoders also accept spare bits, white space and `+/`, so a revoked
 * token could be re-spelt to one that is not on the list.
 */
function strictSegment(segment: string): string | undefined {
  const padding = segment.indexOf('=')
  const bare = padding < 0 ? segment : segment.slice(0, padding)
  if (!SEGMENT.test(bare)) return undefined
  if (padding >= 0 && segment !== bare.padEnd(Math.ceil(bare.length / 4) * 4, '=')) return undefined
  const spare = SPARE_BITS[bare.length & 3]
  if (spare === undefined || (ALPHABET.indexOf(bare.charAt(bare.length - 1)) & spare) !== 0) return undefined
  return bare
}

/** Whether a segment of a JWE is spelt as it must be. That of the key is empty where keys are agreed on directly. */
function isCanonical(segment: string): boolean {
  return segment === '' || strictSegment(segment) === segment
}

/** Whether a segment may be a JOSE header, however it is spelt: `www` is none. */
export function isJoseHeader(segment: string): boolean {
  return Buffer.from(segment, 'base64url').toString('latin1').trimStart().startsWith('{')
}

/**
 * Normalizes base64 or base64url to canonical base64url: corrects `+/`, padding and spare bits.
 * `undefined` for anything else.
 */
export function lenientSegment(segment: string): string | undefined {
  if (!/^[A-Za-z0-9_+/-]+={0,2}$/.test(segment) || segment.replace(/=+$/, '').length % 4 === 1) return undefined
  return Buffer.from(segment, 'base64url').toString('base64url')
}

/**
 * Decodes a base64url segment that holds a JSON object which all parsers read alike: valid UTF-8, no duplicate member at
 * any depth (parsers differ in which one wins; RFC 7519 §4 allows refusing them). `undefined` for anything else.
 */
export function readObject(segment: string): JsonObject | undefined {
  try {
    const text = UTF8.decode(Buffer.from(segment, 'base64url'))
    const value = parseJson(text)
    if (!isObject(value) || writtenMembers(text) !== heldMembers(value)) return undefined
    return withTimes(value, text)
  } catch {
    return undefined
  }
}

/** Times are numbers, however large: WSO2 writes Java's Long.MAX_VALUE for never. */
const TIMES = ['exp', 'nbf', 'iat'] as const

function withTimes(value: JsonObject, text: string): JsonObject {
  if (!TIMES.some((name) => typeof value[name] === 'string')) return value
  const rounded = JSON.parse(text) as JsonObject
  const times = TIMES.filter((name) => typeof rounded[name] === 'number').map((name) => [name, rounded[name]])
  return { ...value, ...Object.fromEntries(times) }
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Members as written: in valid JSON, every colon outside a string belongs to one. */
function writtenMembers(text: string): number {
  let count = 0
  let inString = false
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (inString && c === 0x5c /* \ */) i++
    else if (c === 0x22 /* " */) inString = !inString
    else if (!inString && c === 0x3a /* : */) count++
  }
  return count
}

/** Members after parsing. Not recursive: 20,000 nested arrays must not overflow the stack. */
function heldMembers(root: unknown): number {
  let count = 0
  const rest: unknown[] = [root]
  for (let value = rest.pop(); value !== undefined; value = rest.pop()) {
    if (typeof value !== 'object' || value === null) continue
    if (!Array.isArray(value)) count += Object.keys(value).length
    for (const inner of Object.values(value)) rest.push(inner)
  }
  return count
}
