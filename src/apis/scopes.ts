import type { ScopeAlternatives } from './api.js'
import type { Match } from './routing/place.js'

/** Whether a token with these scopes may call what a request matched. */
export function holdsScopes({ resource, furtherScopes }: Match, held: ReadonlySet<string>): boolean {
  return allows(resource.scopes, held) && furtherScopes.every((scopes) => allows(scopes, held))
}

/** An operation's scopes: any of its alternatives must be held whole (OpenAPI's security requirements). */
function allows(required: ScopeAlternatives, held: ReadonlySet<string>): boolean {
  return required.length === 0 || required.some((all) => all.every((scope) => held.has(scope)))
}
