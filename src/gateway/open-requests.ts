import type { Logging } from '../logging/index.js'
import type { RequestMetrics } from '../metrics/index.js'
import { OpenRequests } from '../proxy/index.js'
import type { LiveRevocations } from '../revocation/index.js'
import { LIST_NOT_KNOWN } from '../server/index.js'
import type { IdentityNames, TokenIdentity } from '../token/index.js'

/** Tracks open requests: a revocation ends those of its token; a list that stops being known ends all with a token. */
export function endedByRevocations(
  revocations: LiveRevocations,
  metrics: RequestMetrics,
  logging: Logging,
): OpenRequests<TokenIdentity> {
  const log = logging('OpenRequests')
  const reason = new Error('the token was revoked')
  const namesIn = ({ ids, folded, subjects, clients, sessions }: IdentityNames) => [
    ...ids,
    ...folded,
    ...subjects,
    ...clients,
    ...sessions,
  ]
  const open = new OpenRequests<TokenIdentity>((token) => [
    ...namesIn(token),
    ...namesIn(token.ofIssuer),
    ...token.issuers,
  ])
  const isRevoked = (identity: TokenIdentity) => revocations.find(identity) !== undefined
  let total = 0
  let isDue = false
  const ended = (requests: number) => {
    if (requests === 0) return
    total += requests
    metrics.ended(requests, 'revoked')
    log.info('open requests of a revoked token ended', { requests, sinceStart: total })
  }
  revocations.onChange((entry) => {
    if (entry.kind !== 'claimsRule') return ended(open.end(entry, isRevoked, reason))
    // Which claims a rule will name is not known when a request begins: all are looked at, once for all rules that come together.
    if (isDue) return
    isDue = true
    queueMicrotask(() => {
      isDue = false
      ended(open.endWhere(isRevoked, reason))
    })
  })
  revocations.onUnknown(() => {
    const requests = open.endAll(LIST_NOT_KNOWN)
    metrics.ended(requests, 'list-not-known')
    if (requests > 0) log.warn('revocation list not known; open requests with a token ended', { requests })
  })
  return open
}
