import type { Api, Resource } from '../api.js'
import { ConfusablePaths } from './confusable-paths.js'
import { hasEncodedSlash, withoutEncodedSlash } from './encoded-slash.js'
import { decodeLiteral, mapLiterals, type PathTemplate, parseTemplate, tryDecode } from './path-template.js'
import { PathTree } from './path-tree.js'
import { type Match, type MethodNotAllowed, type NoResource, Place } from './place.js'

/** No API has this path. */
export interface NoApi {
  readonly kind: 'no-api'
}

/** The path can be read in more than one way, and no reading is the right one: it is answered 400. */
export interface Ambiguous {
  readonly kind: 'ambiguous'
}

/** No resource at this path allows escaped slashes: it is answered 400. */
export interface EncodedSlash {
  readonly kind: 'encoded-slash'
}

export type Route = Match | NoApi | NoResource | MethodNotAllowed | Ambiguous | EncodedSlash

const NO_API: NoApi = Object.freeze({ kind: 'no-api' })
const AMBIGUOUS: Ambiguous = Object.freeze({ kind: 'ambiguous' })
const ENCODED_SLASH: EncodedSlash = Object.freeze({ kind: 'encoded-slash' })

/**
 * Which resource a request is for. The longest base path decides which API it is; in the API, literal paths win over
 * templated ones (OpenAPI 3.0, "Path Templating Matching"), and only then the method is looked at. Paths are compared
 * byte by byte, trailing slashes included. HEAD is served by GET where it is not declared. What an upstream that compares
 * paths otherwise may serve instead has a say in what a request needs ({@link ConfusablePaths}).
 */
export class RouteTable {
  /** Resources that no request can reach: a longer base path of another API covers their paths. */
  readonly shadowed: readonly Resource[]
  readonly #raw: PathTree<Place>
  readonly #decoded: PathTree<Place>
  readonly #confusable: ConfusablePaths | undefined

  /** Throws a TypeError if two of the APIs, or two of one API's resources, are the same: loading refuses them. */
  constructor(apis: readonly Api[]) {
    const { places, shadowed } = placesOf(apis)
    this.shadowed = shadowed
    this.#raw = new PathTree(places.map((place) => [place.template, place]))
    this.#decoded = new PathTree(places.map((place) => [mapLiterals(place.template, decodeLiteral), place]))
    this.#confusable = ConfusablePaths.at(places)
  }

  /**
   * `path` is one that `readTarget` accepted. An upstream decodes its escapes at some time, fully or in part: each such
   * reading must lead to the same place. Escaped `/`, `?` and `#` are data, and end nothing.
   */
  find(method: string, path: string): Route {
    if (path.includes('%') && hasEncodedSlash(path)) return this.#findWithSlash(method, path)
    const place = this.#placeAt(path)
    if (place === 'ambiguous') return AMBIGUOUS
    return place === undefined ? NO_API : this.#routeIn(place, place.route(method), method, path)
  }

  #findWithSlash(method: string, path: string): Route {
    const place = this.#placeAt(withoutEncodedSlash(path))
    if (place === 'ambiguous') return AMBIGUOUS
    if (place === undefined) return ENCODED_SLASH
    const route = place.route(method)
    const allowed = route.kind === 'match' ? [route.resource] : place.resources
    return allowed.some(({ encodedSlash }) => encodedSlash) ? this.#routeIn(place, route, method, path) : ENCODED_SLASH
  }

  #placeAt(path: string): Place | undefined | 'ambiguous' {
    const place = this.#raw.find(path)
    if (!path.includes('%')) return place
    const decoded = tryDecode(path)
    return decoded === undefined || this.#decoded.find(decoded) !== place ? 'ambiguous' : place
  }

  #routeIn(place: Place, route: Route, method: string, path: string): Route {
    if (this.#confusable === undefined || route.kind !== 'match') return route
    return this.#confusable.find(route, place, method, path) ?? AMBIGUOUS
  }
}

interface Site {
  readonly template: PathTemplate
  readonly api: Api
  readonly resources: Resource[]
}

function placesOf(apis: readonly Api[]): { places: Place[]; shadowed: Resource[] } {
  const basePaths = new Set<string>()
  const sites = new Map<string, Site>()
  const shadowed: Resource[] = []
  for (const api of apis) {
    if (basePaths.has(api.basePath)) throw new TypeError(`duplicate base path ${api.basePath || '/'}`)
    basePaths.add(api.basePath)
    // The whole of what lies below a base path is that API's: no shorter base path gets what it has no resource for.
    siteAt(sites, `${api.basePath}/*`, api)
    if (api.basePath !== '') siteAt(sites, api.basePath, api)
  }
  for (const api of apis) {
    for (const resource of api.resources) {
      if (isCovered(resource.fullTemplate, api.basePath, basePaths)) shadowed.push(resource)
      else for (const template of fullTemplates(api, resource)) siteAt(sites, template, api).resources.push(resource)
    }
  }
  return { places: [...sites.values()].map((site) => new Place(site.template, site.api, site.resources)), shadowed }
}

/** `/*` of an API is also the bare base path. */
function fullTemplates(api: Api, resource: Resource): string[] {
  return resource.template === '/*' && api.basePath !== ''
    ? [resource.fullTemplate, api.basePath]
    : [resource.fullTemplate]
}

function siteAt(sites: Map<string, Site>, text: string, api: Api): Site {
  const template = parseTemplate(text)
  if (typeof template === 'string') throw new TypeError(`${text}: ${template}`)
  const known = sites.get(template.shape)
  if (known !== undefined) return known
  const site: Site = { template, api, resources: [] }
  sites.set(template.shape, site)
  return site
}

function isCovered(fullTemplate: string, basePath: string, basePaths: ReadonlySet<string>): boolean {
  for (let end = fullTemplate.length; end > basePath.length; end = fullTemplate.lastIndexOf('/', end - 1)) {
    if (basePaths.has(fullTemplate.slice(0, end))) return true
  }
  return false
}
