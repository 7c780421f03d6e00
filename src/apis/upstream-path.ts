import type { Endpoint, Resource } from './api.js'

/**
 * The path and query to ask an endpoint for: the endpoint's path, the request's path below the base path, the query.
 * The bytes are those that the route was found by; only the base path is exchanged, and no `//` comes of it.
 * `path` must be one that led to `resource`, `query` is empty or starts with `?`.
 */
export function upstreamPath(resource: Resource, endpoint: Endpoint, path: string, query: string): string {
  const below = endpoint.pathname + path.slice(resource.basePathLength)
  return below === '' ? `/${query}` : below + query
}
