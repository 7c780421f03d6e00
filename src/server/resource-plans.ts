import type { Api, Endpoint, Endpoints, Resource } from '../apis/index.js'
import { Secret } from '../config/index.js'
import { basicCredentials } from '../http-client/index.js'
import { EndpointTurns } from '../proxy/index.js'

/** What forwarding to a resource's endpoints takes that is the same for each of its requests. */
export interface EndpointsPlan {
  readonly turns: EndpointTurns<Endpoint>
  /** Lower-case names of the request's headers that an upstream must not see. */
  readonly removed: ReadonlySet<string>
  /** The value of `authorization` that the upstream asks for itself. */
  readonly authorization: Secret | undefined
  readonly timeout: number | undefined
}

export interface ResourcePlan {
  readonly production: EndpointsPlan | undefined
  readonly sandbox: EndpointsPlan | undefined
}

export interface HeaderRules {
  /** Lower-case name of the header that carries the token (`[authConfig] authorizationHeader`). */
  readonly authorizationHeader: string
  readonly removeAuthHeader: boolean
  /** Lower-case name of the header in which upstreams trust the gateway's own word (`[jwtConfig] header`). */
  readonly assertionHeader: string
}

/** In which an upstream of WSO2's gateway finds the client's certificate, and this gateway says nothing. */
const CLIENT_CERTIFICATE_HEADER = 'x-wso2-client-certificate'

/** Works out, once a resource, how its requests are forwarded. */
export class ResourcePlans {
  readonly #rules: HeaderRules
  readonly #plans = new WeakMap<Resource, ResourcePlan>()
  /** Resources that share their endpoints share the turns. */
  readonly #turns = new WeakMap<Endpoints, EndpointTurns<Endpoint>>()

  constructor(rules: HeaderRules) {
    this.#rules = rules
  }

  of(api: Api, resource: Resource): ResourcePlan {
    return this.#plans.get(resource) ?? this.#make(api, resource)
  }

  #make(api: Api, resource: Resource): ResourcePlan {
    const plan = {
      production: resource.production && this.#planOf(api, resource, resource.production),
      sandbox: resource.sandbox && this.#planOf(api, resource, resource.sandbox),
    }
    this.#plans.set(resource, plan)
    return plan
  }

  #planOf(api: Api, resource: Resource, endpoints: Endpoints): EndpointsPlan {
    const { credentials, timeout } = endpoints
    const { removeAuthHeader, authorizationHeader, assertionHeader } = this.#rules
    const header = api.authHeader ?? authorizationHeader
    const removed = new Set([assertionHeader, CLIENT_CERTIFICATE_HEADER])
    if (resource.secured && removeAuthHeader) removed.add(header)
    // Where the API has another, nobody looked at the token in this one.
    if (authorizationHeader !== header && authorizationHeader !== 'authorization') removed.add(authorizationHeader)
    if (credentials !== undefined) removed.add('authorization')
    const authorization =
      credentials && new Secret(basicCredentials(credentials.username, credentials.password.reveal()))
    return { turns: this.#turnsOf(endpoints), removed, authorization, timeout }
  }

  #turnsOf(endpoints: Endpoints): EndpointTurns<Endpoint> {
    const known = this.#turns.get(endpoints)
    if (known !== undefined) return known
    const turns = new EndpointTurns(endpoints)
    this.#turns.set(endpoints, turns)
    return turns
  }
}
