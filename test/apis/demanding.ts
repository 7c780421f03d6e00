import type { Api, Resource, ScopeAlternatives } from '../../src/apis/api.js'
import type { RouteTable } from '../../src/apis/routing/route-table.js'
import { declareApi } from './declare.js'

/**
 * An API whose operations say what they ask for: `GET /admin` a token, `open GET /{x}` nothing, `GET /a [x y|z]` a token
 * with the scopes x and y, or with z.
 */
export function demandingApi(basePath: string, ...operations: string[]): Api {
  const api = declareApi(basePath, ...operations.map((operation) => operation.replace(/^open | \[.*\]$/g, '')))
  const resources = api.resources.map((resource, at) => {
    const operation = operations[at] ?? ''
    return { ...resource, secured: !operation.startsWith('open '), scopes: scopesOf(operation) }
  })
  return { ...api, resources }
}

function scopesOf(operation: string): ScopeAlternatives {
  const [, scopes] = /\[(.*)\]$/.exec(operation) ?? []
  return scopes === undefined ? [] : scopes.split('|').map((all) => all.split(' '))
}

/** Which of the callers get through: without a token, and with one of these scopes. */
export function admits(table: RouteTable, method: string, path: string, held: readonly string[] | undefined): boolean {
  const route = table.find(method, path)
  return route.kind === 'match' && satisfies(route.resource, held, route.furtherScopes)
}

/** Whether a caller without a token, or with one of these scopes, has what a resource asks for. */
export function satisfies(
  { secured, scopes }: Resource,
  held: readonly string[] | undefined,
  furtherScopes: readonly ScopeAlternatives[] = [],
): boolean {
  if (!secured) return true
  const holds = (needed: ScopeAlternatives) =>
    needed.length === 0 || needed.some((all) => all.every((scope) => held?.includes(scope)))
  return held !== undefined && [scopes, ...furtherScopes].every(holds)
}
