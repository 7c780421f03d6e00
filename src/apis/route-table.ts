import type { Api, Resource } from './api.js'
import { mapLiterals, type PathTemplate, parseTemplate } from './path-template.js'
import { PathTree } from './path-tree.js'

/** The path and the method lead to a resource. */
export interface Match {
  readonly kind: 'match'
  readonly api: Api
  readonly resource: Resource
}

/** No API has this path. */
export interface NoApi {
  readonly kind: 'no-api'
}

/** An API has this path below its base path, but no resource there. */
export interface NoResource {
  readonly kind: 'no-resource'
  readonly api: Api
}

/** There are resources at this path, none with this method. */
export interface MethodNotAllowed {
  readonly kind: 'method-not-allowed'
  readonly api: Api
  /** The methods that are there, as an `Allow` header has them. */
  readonly allowed: string
}

/** The path as it is and the path with its escapes decoded lead to different places: it is answered 400. */
export interface Ambiguous {
  readonly kind: 'ambiguous'
}

export type Route = Match | NoApi | NoResource | MethodNotAllowed | Ambiguous

const NO_API: NoApi = Object.freeze({ kind: 'no-api' })
const AMBIGUOUS: Ambiguous = Object.freeze({ kind: 'ambiguous' })
/** What the method `*` of a resource stands for, as `Allow` names it. TRACE would echo a client's credentials. */
const ANY_METHOD = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT']
const NEVER_ANY = new Set(['CONNECT', 'TRACE'])

/**
 * Which resource a request is for. The longest base path decides which API it is; in the API, literal paths win over
 * templated ones (OpenAPI 3.0, "Path Templating Matching"), and only then the method is looked at. Paths are compared
 * byte by byte, trailing slashes included. HEAD is served by GET where it is not declared.
 */
export class RouteTable {
  /** Resources that no request can reach: a longer base path of another API covers their paths. */
  readonly shadowed: readonly Resource[]
  readonly #raw: PathTree<Place>
  readonly #decoded: PathTree<Place>

  /** Throws a TypeError if two of the APIs, or two of one API's resources, are the same: loading refuses them. */
  constructor(apis: readonly Api[]) {
    const { places, shadowed } = placesOf(apis)
    this.shadowed = shadowed
    this.#raw = new PathTree(places)
    this.#decoded = new PathTree(places.map(([template, place]) => [mapLiterals(template, decodeLiteral), place]))
  }

  /**
   * `path` is one that `readTarget` accepted. An upstream decodes its escapes at some time, fully or in part, and some
   * then end it at a `?` or `#`: each such reading must lead to the same place.
   */
  find(method: string, path: string): Route {
    const place = this.#raw.find(path)
    if (path.includes('%') && !this.#everyReadingLeadsTo(place, path)) return AMBIGUOUS
    return place === undefined ? NO_API : place.route(method)
  }

  #everyReadingLeadsTo(place: Place | undefined, path: string): boolean {
    const decoded = tryDecode(path)
    if (decoded === undefined || this.#decoded.find(decoded) !== place) return false
    const cut = decoded.search(/[?#]/)
    return cut === -1 || this.#decoded.find(decoded.slice(0, cut)) === place
  }
}

/** What is at a path: the resources by method, or nothing but the API. */
class Place {
  readonly #matches = new Map<string, Match>()
  readonly #any: Match | undefined
  readonly #otherwise: NoResource | MethodNotAllowed

  constructor(api: Api, resources: readonly Resource[]) {
    for (const resource of resources) {
      const match: Match = { kind: 'match', api, resource }
      if (this.#matches.has(resource.method)) throw twice(`${resource.method} ${resource.fullTemplate}`)
      this.#matches.set(resource.method, match)
    }
    this.#any = this.#matches.get('*')
    this.#matches.delete('*')
    const get = this.#matches.get('GET')
    if (get !== undefined && !this.#matches.has('HEAD')) this.#matches.set('HEAD', get)
    const methods = new Set([...this.#matches.keys(), ...(this.#any === undefined ? [] : ANY_METHOD)])
    this.#otherwise =
      methods.size === 0
        ? { kind: 'no-resource', api }
        : { kind: 'method-not-allowed', api, allowed: [...methods].sort().join(', ') }
  }

  route(method: string): Match | NoResource | MethodNotAllowed {
    const match = this.#matches.get(method)
    if (match !== undefined) return match
    return this.#any === undefined || NEVER_ANY.has(method) ? this.#otherwise : this.#any
  }
}

interface Site {
  readonly template: PathTemplate
  readonly api: Api
  readonly resources: Resource[]
}

function placesOf(apis: readonly Api[]): { places: [PathTemplate, Place][]; shadowed: Resource[] } {
  const basePaths = new Set<string>()
  const sites = new Map<string, Site>()
  const shadowed: Resource[] = []
  for (const api of apis) {
    if (basePaths.has(api.basePath)) throw twice(`base path ${api.basePath || '/'}`)
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
  return { places: [...sites.values()].map((s) => [s.template, new Place(s.api, s.resources)]), shadowed }
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

function twice(what: string): TypeError {
  return new TypeError(`${what} is there twice`)
}

/** Literal text of a template as an upstream reads it. */
export function decodeLiteral(literal: string): string {
  return tryDecode(literal) ?? literal
}

function tryDecode(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
