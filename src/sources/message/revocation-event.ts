import { randomUUID } from 'node:crypto'
import type { TokenRevocation } from '../../revocation/index.js'

/** What WSO2's notifier sends, whatever a token's remaining life; no reader may evict by it, and old ones require it. */
const WSO2_TTL = '3600'
const WSO2_SUPER_TENANT = -1234

/**
 * A revocation as JSON text, in the layout of WSO2 API Manager 4.2 and later, which its 3.2 gateways read too.
 * An issuer other than that which the topic speaks for is `iss`, null for any, which WSO2's gateways do not read: there the id counts for every issuer. ASCII only. An expiry that is not known is 0.
 */
export function revocationEvent(record: TokenRevocation, topicsIssuer?: string): string {
  const iss = record.iss ?? undefined
  const payloadData = {
    eventId: randomUUID(),
    revokedToken: record.id,
    ...(iss === topicsIssuer ? {} : { iss: iss ?? null }),
    ttl: WSO2_TTL,
    expiryTime: record.expiresAt ?? 0,
    type: 'Default',
    tenantId: WSO2_SUPER_TENANT,
  }
  return JSON.stringify({ event: { payloadData } }).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
