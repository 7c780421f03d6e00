import type { Resource, ScopeAlternatives } from './api.js'

/** Whether every caller who may call `these` may call `those`, too. */
export function covers(these: Resource, those: Resource): boolean {
  if (!those.secured) return true
  return these.secured && implies(these.scopes, those.scopes)
}

/** Whether every token with the one set of scopes has the other, too. */
export function implies(held: ScopeAlternatives, needed: ScopeAlternatives): boolean {
  if (needed.length === 0) return true
  return held.length > 0 && held.every((all) => needed.some((some) => some.every((scope) => all.includes(scope))))
}
