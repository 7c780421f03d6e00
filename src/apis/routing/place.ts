import type { Api, Resource, ScopeAlternatives } from '../api.js'
import type { PathTemplate } from './path-template.js'

/** The path and the method lead to a resource. */
export interface Match {
  readonly kind: 'match'
  readonly api: Api
  readonly resource: Resource
  /** What a token needs besides the resource's own scopes: those of resources that an upstream may serve instead. */
  readonly furtherScopes: readonly ScopeAlternatives[]
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

/** What the method `*` of a resource stands for, as `Allow` names it. TRACE would echo a client's credentials. */
const ANY_METHOD = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT']
const NEVER_ANY = new Set(['CONNECT', 'TRACE'])
const NOTHING: readonly ScopeAlternatives[] = Object.freeze([])

/** What is at a path: the resources by method, or nothing but the API. */
export class Place {
  readonly template: PathTemplate
  readonly api: Api
  readonly resources: readonly Resource[]
  readonly #matches = new Map<string, Match>()
  readonly #any: Match | undefined
  readonly #otherwise: NoResource | MethodNotAllowed

  constructor(template: PathTemplate, api: Api, resources: readonly Resource[]) {
    this.template = template
    this.api = api
    this.resources = resources
    for (const resource of resources) {
      const match: Match = { kind: 'match', api, resource, furtherScopes: NOTHING }
      if (this.#matches.has(resource.method))
        throw new TypeError(`duplicate ${resource.method} ${resource.fullTemplate}`)
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
