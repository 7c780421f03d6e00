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
  const names = new Set(own.split(/[&;]/).flatMap(namesOf))
  const isOwn = (parameter: string) => namesOf(parameter).some((name) => names.has(name))
  // Some servers separate parameters by semicolons, too.
  const others = query
    .slice(1)
    .split('&')
    .filter((one) => one !== '' && !one.split(';').some(isOwn))
  return `?${[own, ...others].join('&')}`
}

/**
 * One is equal for parameters that some server takes for one: of another letter case, with blanks or dots, an array (`a[]`).
 * PHP ends a name at NUL, and makes `_` of a `[` that nothing closes.
 */
function namesOf(parameter: string): string[] {
  const [name = ''] = parameter.split(/=|%00/, 1)
  const [array = ''] = name.split(/\[|%5b/i, 1)
  return [array, name].map((written) => {
    const text = written.replaceAll('+', ' ')
    return (tryDecode(text) ?? text).trim().toLowerCase().replaceAll(/[. []/g, '_')
  })
}
