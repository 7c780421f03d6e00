import type { Api } from './api.js'
import { decodeLiteral } from './decode.js'
import { foldCase, foldLiteral } from './folding.js'

/**
 * Whether a path of the one API may be read as one of the other: where its base path is folded into the same, or into a
 * longer one. Not into a shorter one: what lies below an API's base path, as it is spelt, is that API's.
 */
export function mayMeet(one: Api, other: Api): boolean {
  return one === other || `${foldedBase(other)}/`.startsWith(`${foldedBase(one)}/`)
}

function foldedBase({ basePath }: Api): string {
  return basePath.replace(/[^/]+/g, (segment) => foldLiteral(foldCase(decodeLiteral(segment)), false))
}
