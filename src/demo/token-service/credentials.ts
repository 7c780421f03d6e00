import type { IncomingMessage } from 'node:http'
import type { Secret } from '../../config/index.js'
import { sameSecret } from '../same-secret.js'

/** A name and the password that proves it. */
export interface Credentials {
  readonly name: string
  readonly password: Secret
}

/** What a caller claims. */
export interface Claimed {
  readonly name: string
  readonly password: string
}

/** Compares in a time that tells nothing about either part. */
export function proves(claimed: Claimed | undefined, expected: Credentials): boolean {
  const name = sameSecret(claimed?.name ?? '', expected.name)
  return sameSecret(claimed?.password ?? '', expected.password.reveal()) && name && claimed !== undefined
}

/** The credentials of an `Authorization: Basic` header (RFC 7617); `undefined` without a readable one. */
export function basicCredentials(request: IncomingMessage): Claimed | undefined {
  const encoded = /^basic +([A-Za-z0-9+/=]+) *$/i.exec(request.headers.authorization ?? '')?.[1]
  if (encoded === undefined) return undefined
  const text = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  return colon === -1 ? undefined : { name: text.slice(0, colon), password: text.slice(colon + 1) }
}
