import { createHash } from 'node:crypto'
import type { RevocationRecord } from '../revocation/index.js'
import { readCredential } from '../token/index.js'

/**
 * What stands for a record's name: the first 12 hexadecimal digits of a SHA-256, of a whole token as the log's `token`, of any
 * other name as it is written.
 */
export function nameHash(record: RevocationRecord): string {
  const hash = createHash('sha256')
  if (record.kind === 'issuer') hash.update(record.iss)
  else if (record.kind === 'claims') hash.update(JSON.stringify(Object.entries(record.claims).sort()))
  else if (record.kind === 'token') hash.update(canonical(record.id))
  else hash.update(record.id)
  return hash.digest('hex').slice(0, 12)
}

function canonical(id: string): string {
  const credential = readCredential(id)
  return credential.kind === 'refused' ? id : credential.token
}
