import type { IncomingMessage } from 'node:http'
import type { Cors } from '../apis/index.js'
import { hasHeader } from '../proxy/index.js'

/**
 * What a browser of another origin is told (the Fetch standard's CORS protocol), by an API's `x-wso2-cors`.
 * Name, value, name, value ...; empty for a request that is not of another origin, or of one that is not allowed.
 */
export function corsHeaders(req: IncomingMessage, cors: Cors | undefined): string[] {
  const origin = req.headers.origin
  if (cors === undefined || origin === undefined) return []
  const any = cors.allowOrigins.includes('*')
  if (!any && !cors.allowOrigins.includes(origin)) return ['vary', 'Origin']
  const exposed =
    cors.exposeHeaders.length === 0 ? [] : ['access-control-expose-headers', cors.exposeHeaders.join(', ')]
  // Credentials with any origin would open the API to every site that its users visit.
  const credentials = cors.allowCredentials && !any ? ['access-control-allow-credentials', 'true'] : []
  return ['vary', 'Origin', 'access-control-allow-origin', any ? '*' : origin, ...credentials, ...exposed]
}

/** Whether a request is a browser's question whether it may send another one: it has no credentials, and needs none. */
export function isPreflight(req: IncomingMessage, cors: Cors | undefined): cors is Cors {
  return (
    cors !== undefined &&
    req.method === 'OPTIONS' &&
    req.headers.origin !== undefined &&
    req.headers['access-control-request-method'] !== undefined
  )
}

/** The answer to a preflight. */
export function preflightHeaders(req: IncomingMessage, cors: Cors): string[] {
  const headers = corsHeaders(req, cors)
  if (!hasHeader(headers, 'access-control-allow-origin')) return headers
  return [
    ...headers,
    'access-control-allow-methods',
    cors.allowMethods.join(', '),
    'access-control-allow-headers',
    cors.allowHeaders.join(', '),
  ]
}
