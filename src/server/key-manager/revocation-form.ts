import type { Readable } from 'node:stream'
import { type Fault, faults } from '../../faults/index.js'
import type { RequestHead } from '../../proxy/index.js'
import { readSmallBody } from '../listeners/small-body.js'

/** The form of a revocation request (RFC 7009 §2.1): as it arrived, and the token that it names. */
export interface RevocationForm {
  readonly body: Buffer
  readonly token: string | undefined
}

/** A form that is too large, too slow, of another type, or ambiguous. */
export interface RefusedForm {
  readonly fault: Fault
  readonly reason: string
}

const MAX_BYTES = 65_536
const FORM = 'application/x-www-form-urlencoded'

/**
 * Reads the form. Refuses what the key manager might read differently, or the gateway would list another token than the key
 * manager revokes: two tokens, a token in the query, two Authorization headers, an encoded body.
 *
 * @param query the request's, with its `?`, or empty; @param timeout milliseconds until the whole body must be here
 */
export async function readRevocationForm(
  req: RequestHead,
  content: Readable,
  askForBody: () => void,
  query: string,
  timeout: number,
): Promise<RevocationForm | RefusedForm> {
  const type = req.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase()
  if (type !== FORM || req.headers['content-encoding'] !== undefined) return refused(faults.badRequest, 'content-type')
  if (headerCount(req.rawHeaders, 'authorization') > 1) return refused(faults.badRequest, 'two-credentials')
  askForBody()
  const body = await readSmallBody(req, content, { maxBytes: MAX_BYTES, timeout })
  if (!Buffer.isBuffer(body)) return refused(FAULT_OF[body], body)
  const tokens = new URLSearchParams(body.toString('utf8')).getAll('token')
  if (tokens.length > 1 || new URLSearchParams(query).has('token')) return refused(faults.badRequest, 'two-tokens')
  return { body, token: tokens[0]?.trim() }
}

const FAULT_OF = {
  'body-too-large': faults.entityTooLarge,
  'body-too-slow': faults.requestTimeout,
  'client-left': faults.badRequest,
} as const

/** How often a header (lower-case name) is there: Node shows only one of several credentials. */
export function headerCount(rawHeaders: readonly string[], name: string): number {
  return rawHeaders.filter((part, i) => i % 2 === 0 && part.toLowerCase() === name).length
}

function refused(fault: Fault, reason: string): RefusedForm {
  return { fault, reason }
}
