import type { Match, Route, RouteTable } from '../../apis/index.js'
import type { Authenticated, Refused } from '../../auth/index.js'
import { faults } from '../../faults/index.js'
import { readTarget, type Target } from './path.js'

/** The target of a request, or why it is refused: too long, or it can be read in two ways. */
export function readUrl(url: string, maxUriLength: number): Target | Refused {
  if (url.length > maxUriLength) return URI_TOO_LONG
  const target = readTarget(url)
  return target.kind === 'refusal' ? { fault: faults.badRequest, reason: target.reason } : target
}

/** The operation that a request was routed to, or why it is refused, whatever its token. */
export function operationOf(route: Route): Match | Refused {
  if (route.kind !== 'match') return { fault: ROUTE_FAULTS[route.kind], reason: route.kind }
  return route.resource.unserved === undefined ? route : NOT_SERVED
}

/** What the pipeline decides by a request's method and target alone. */
export function findOperation(routes: RouteTable, maxUriLength: number, method: string, url: string): Match | Refused {
  const target = readUrl(url, maxUriLength)
  return 'fault' in target ? target : operationOf(routes.find(method, target.path))
}

/** What a token is refused with where the API has no endpoint for tokens of its type. */
export const NO_ENDPOINT: Readonly<Record<Authenticated['keyType'], Refused>> = {
  PRODUCTION: { fault: faults.noProductionEndpoint, reason: 'no-endpoint' },
  SANDBOX: { fault: faults.noSandboxEndpoint, reason: 'no-endpoint' },
}

const URI_TOO_LONG: Refused = { fault: faults.uriTooLong, reason: 'uri-too-long' }
const NOT_SERVED: Refused = { fault: faults.notServed, reason: 'not-served' }
const ROUTE_FAULTS = {
  'no-api': faults.noApi,
  'no-resource': faults.noResource,
  'method-not-allowed': faults.methodNotAllowed,
  ambiguous: faults.badRequest,
  'encoded-slash': faults.badRequest,
} as const
