import type { Endpoint, Resource } from './api.js'
import { tryDecode } from './routing/path-template.js'

/**
 * The path and query to ask an endpoint for: the endpoint's path, the request's path below the base path, both queries.
 * The bytes are those that the route was found by; only the base path is exchanged, and no `//` comes of it. Parameters
 * that the endpoint's URL sets are taken out of the request's query: a client must not overrule them.
 * `path` must be one that led to `resource`, `query` is empty or starts with `?`.
 */
export function upstreamPath(resource: Resource, endpoint: Endpoint, path: string, query: string): string {
  const below = endpoint.pathname + path.slice(resource.basePathLength)
  return (below === '' ? '/' : below) + (endpoint.query === undefined ? query : merge(endpoint.query, query))
}

function merge(own: string, query: string): string {
  const names = new Set(own.split('&').map(nameOf))
  const parameters = query.slice(1).split('&')
  // Some servers separate parameters by semicolons, too.
  const others = parameters.filter((one) => one !== '' && !one.split(';').some((part) => names.has(nameOf(part))))
  return `?${[own, ...others].join('&')}`
}

/** Equal for parameters that some server takes for one: of another letter case, an array (`a[]`), with blanks or dots. */
function nameOf(parameter: string): string {
  const text = (parameter.split('=', 1)[0] ?? '').replaceAll('+', ' ')
  const [name = ''] = (tryDecode(text) ?? text).trim().toLowerCase().split('[', 1)
  return name.replaceAll(/[. ]/g, '_')
}
