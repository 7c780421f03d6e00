import { type Api, covers, demandOf, implies, type Resource } from '../api.js'
import { hasEncodedSlash, withoutEncodedSlash } from './encoded-slash.js'
import { FoldedPlaces } from './folded-places.js'
import { foldCase, foldEnds, hasLooseEnds, MAX_SUFFIXES, mayMeet, withoutSuffix } from './folding.js'
import { decodeLiteral, isLiteral, isMoreSpecific } from './path-template.js'
import type { Match, Place } from './place.js'

/**
 * What a request that a template matched needs besides, since its upstream may take the path for another one: /ADMIN,
 * /admin/ and /admin.json, which lead to `/{x}`, for /admin. Where what is declared there asks for more, that holds, too.
 * A path that is declared as it is spelt is left alone, and so is an API whose upstream is strict.
 */
export class ConfusablePaths {
  readonly #places: FoldedPlaces
  readonly #lookedAt: ReadonlySet<Place>
  /** What became of a match that may be taken for another: where it is declared more specifically, and elsewhere. */
  readonly #declared: Decided = new WeakMap()
  readonly #undeclared: Decided = new WeakMap()

  private constructor(places: readonly Place[], lookedAt: ReadonlySet<Place>) {
    const secured = places.filter(({ resources }) => resources.some((one) => one.secured || one.unserved !== undefined))
    this.#places = new FoldedPlaces(new Set([...lookedAt, ...secured]))
    this.#lookedAt = lookedAt
  }

  /** `undefined` where no API asks for more in one place than in another: then requests are not looked at again. */
  static at(places: readonly Place[]): ConfusablePaths | undefined {
    const demands = demandsOf(places)
    const lookedAt = places.filter((place) => isLookedAt(place, demands))
    return lookedAt.length === 0 ? undefined : new ConfusablePaths(places, new Set(lookedAt))
  }

  /**
   * The match with what it needs besides, itself if nothing; `undefined` for a path of which a segment is nothing but
   * blanks and dots, which no two servers read alike. What a match becomes is made once.
   *
   * @param path one that leads to `place` in each of its readings
   */
  find(match: Match, place: Place, method: string, path: string): Match | undefined {
    if (!this.#lookedAt.has(place)) return match
    if (!path.includes('%')) return this.#decoded(match, place, method, path, false)
    let found: Match | undefined = match
    for (const [at, reading] of readingsOf(path).entries()) {
      found = found && this.#decoded(found, place, method, reading, at > 0)
    }
    return found
  }

  /** @param changed whether the reading is another path than the one that was sent */
  #decoded(match: Match, place: Place, method: string, path: string, changed: boolean): Match | undefined {
    let reading = foldCase(path)
    let trimmed = changed
    let found = this.#meet(match, place, method, reading, trimmed)
    for (let suffixes = 0; suffixes <= MAX_SUFFIXES; suffixes++) {
      trimmed ||= hasLooseEnds(reading)
      const ends = foldEnds(reading)
      if (ends === undefined) return undefined
      if (suffixes > 0 || ends !== reading) found = this.#meet(found, place, method, ends, trimmed)
      const cut = withoutSuffix(ends)
      if (cut === undefined) break
      reading = cut
    }
    return found
  }

  #meet(match: Match, place: Place, method: string, reading: string, trimmed: boolean): Match {
    let found = match
    const places = this.#places.find(reading)
    // A slash or a suffix may be what the place is declared for (/{x}.json beside /{y}); blanks, or an end at ?, are not.
    const declared = !trimmed || places.includes(place)
    for (const other of places) {
      if (other === place) continue
      const met = other.route(method)
      if (met.kind === 'match') found = this.#decide(found, place, met, other, declared)
    }
    return found
  }

  #decide(match: Match, place: Place, met: Match, other: Place, declared: boolean): Match {
    const decided = declared ? this.#declared : this.#undeclared
    const known = decided.get(match)?.get(met)
    if (known !== undefined) return known
    const unchanged = !mayMeet(place.api, other.api) || (declared && isMoreSpecific(place.template, other.template))
    const found = unchanged ? match : withDemandsOf(met.resource, match)
    const byMet = decided.get(match) ?? new WeakMap<Match, Match>()
    decided.set(match, byMet.set(met, found))
    return found
  }
}

const ENDS = /[?#]/

type Decided = WeakMap<Match, WeakMap<Match, Match>>

/**
 * What upstreams make of a path that is decoded, the path itself first: for some, what was an escaped slash separates, and
 * what was an escaped `?` or `#` ends it.
 */
function readingsOf(path: string): string[] {
  const itself = decodeLiteral(withoutEncodedSlash(path))
  const readings = hasEncodedSlash(path) ? [itself, decodeLiteral(path)] : [itself]
  const cut = readings.filter((reading) => ENDS.test(reading)).map((reading) => reading.slice(0, reading.search(ENDS)))
  return [...readings, ...cut]
}

/** The match as it is if it already asks for all that `other` asks for. */
function withDemandsOf(other: Resource, match: Match): Match {
  const { resource, furtherScopes } = match
  if (covers(resource, other)) return match
  if (other.unserved !== undefined) return { ...match, resource: { ...resource, unserved: other.unserved } }
  if (resource.secured && furtherScopes.some((scopes) => implies(scopes, other.scopes))) return match
  return {
    ...match,
    resource: { ...resource, secured: true },
    furtherScopes: other.scopes.length === 0 ? furtherScopes : [...furtherScopes, other.scopes],
  }
}

/** One resource of each API for each of the things that it asks for. */
function demandsOf(places: readonly Place[]): Map<Api, Resource[]> {
  const found = new Map<Api, Map<string, Resource>>()
  for (const { api, resources } of places) {
    const ofApi = found.get(api) ?? new Map<string, Resource>()
    found.set(api, ofApi)
    for (const resource of resources) ofApi.set(demandOf(resource), resource)
  }
  return new Map([...found].map(([api, byDemand]) => [api, [...byDemand.values()]]))
}

function isLookedAt({ template, api, resources }: Place, demands: ReadonlyMap<Api, readonly Resource[]>): boolean {
  if (resources.length === 0 || isLiteral(template) || api.strictUpstream) return false
  return [...demands].some(
    ([other, asked]) =>
      resources.some((resource) => asked.some((another) => !covers(resource, another))) && mayMeet(api, other),
  )
}
