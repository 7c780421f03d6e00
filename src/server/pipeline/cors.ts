import type { Cors } from '../../config/index.js'
import { hasHeader, type RequestHead } from '../../proxy/index.js'
import type { Exchange } from './exchange.js'

/**
 * The CORS headers (Fetch standard) of an answer, by an API's `x-wso2-cors` or `[keyManager.cors]`. Name, value, name, value ...; empty for a
 * request without `Origin`, and `Vary` only for an origin that is not allowed.
 */
export function corsHeaders(req: RequestHead, cors: Cors | undefined): string[] {
  const origin = req.headers.origin
  if (cors === undefined || origin === undefined) return []
  const any = cors.allowOrigins.includes('*')
  if (!any && !cors.allowOrigins.includes(origin)) return ['vary', 'Origin']
  const exposed =
    cors.exposeHeaders.length === 0 ? [] : ['access-control-expose-headers', cors.exposeHeaders.join(', ')]
  // Credentials with `*` would let every site that a user visits call the API as that user.
  const credentials = cors.allowCredentials && !any ? ['access-control-allow-credentials', 'true'] : []
  return ['vary', 'Origin', 'access-control-allow-origin', any ? '*' : origin, ...credentials, ...exposed]
}

/** Whether a request is a CORS preflight. It carries no credentials, and needs none. */
export function isPreflight(req: RequestHead, cors: Cors | undefined): cors is Cors {
  return (
    cors !== undefined &&
    req.method === 'OPTIONS' &&
    req.headers.origin !== undefined &&
    req.headers['access-control-request-method'] !== undefined
  )
}

/** The answer to a preflight. */
export function preflightHeaders(req: RequestHead, cors: Cors): string[] {
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

/** Has every answer say what pages of other origins may do with it. */
export function allowOrigin(exchange: Exchange, cors: Cors | undefined): void {
  exchange.responseHeaders = corsHeaders(exchange.req, cors)
  exchange.ownCors = cors !== undefined
}
