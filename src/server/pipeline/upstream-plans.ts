import { type Api, type Endpoint, type Endpoints, type Resource, upstreamPath } from '../../apis/index.js'
import { Secret } from '../../config/index.js'
import { basicCredentials } from '../../http-client/index.js'
import {
  EndpointGroup,
  type EndpointRules,
  type EndpointStatus,
  type UpstreamRequest,
  type UpstreamTarget,
} from '../../proxy/index.js'
import type { Exchange } from './exchange.js'
import type { Target } from './path.js'

/** How requests are forwarded to a resource's endpoints: what is the same for all of them. */
export interface UpstreamPlan {
  readonly endpoint: Endpoint
  /** Chooses among several endpoints, repeats, breaks circuits; absent: there is nothing of this to do. */
  readonly group: EndpointGroup<Endpoint> | undefined
  /** Lower-case names of the request's headers that an upstream must not see. */
  readonly removed: ReadonlySet<string>
  /** The value of `authorization` that the upstream itself requires. */
  readonly authorization: Secret | undefined
  /** Milliseconds. */
  readonly timeout: number | undefined
}

/** The plans of a resource, for production and for sandbox tokens. */
export interface ResourcePlans {
  readonly production: UpstreamPlan | undefined
  readonly sandbox: UpstreamPlan | undefined
}

export interface HeaderRules {
  /** Lower-case name of the header that carries the token (`[authConfig] authorizationHeader`). */
  readonly authorizationHeader: string
  readonly removeAuthHeader: boolean
  /** Lower-case name of the header that upstreams trust as the gateway's statement (`[jwtConfig] header`). */
  readonly assertionHeader: string
}

/** How endpoints are used; `retry` and `circuitBreaker` are for those that have none of their own. */
export interface EndpointDefaults extends EndpointRules {
  readonly retry?: Endpoints['retry']
  readonly circuitBreaker?: Endpoints['circuitBreaker']
}

/** Upstreams of WSO2's gateway trust it to hold the client's certificate, which this gateway never sets. */
const CLIENT_CERTIFICATE_HEADER = 'x-wso2-client-certificate'

/** Makes the plans of each resource once. */
export class UpstreamPlans {
  readonly #rules: HeaderRules
  readonly #plans = new WeakMap<Resource, ResourcePlans>()
  readonly #endpoints: EndpointDefaults
  /** Resources that share their endpoints share what is known of them. */
  readonly #groups = new Map<Endpoints, EndpointGroup<Endpoint>>()

  constructor(rules: HeaderRules, endpoints: EndpointDefaults) {
    this.#rules = rules
    this.#endpoints = endpoints
  }

  /** What is known of the endpoints of each group that has been used. */
  get endpoints(): EndpointStatus[] {
    return [...this.#groups.values()].flatMap(({ statuses }) => statuses)
  }

  of(api: Api, resource: Resource): ResourcePlans {
    return this.#plans.get(resource) ?? this.#make(api, resource)
  }

  #make(api: Api, resource: Resource): ResourcePlans {
    const plans = {
      production: resource.production && this.#planOf(api, resource, resource.production),
      sandbox: resource.sandbox && this.#planOf(api, resource, resource.sandbox),
    }
    this.#plans.set(resource, plans)
    return plans
  }

  #planOf(api: Api, resource: Resource, endpoints: Endpoints): UpstreamPlan {
    const { credentials, timeout } = endpoints
    const { removeAuthHeader, authorizationHeader, assertionHeader } = this.#rules
    const header = api.authHeader ?? authorizationHeader
    const removed = new Set([assertionHeader, CLIENT_CERTIFICATE_HEADER])
    if (resource.secured && removeAuthHeader) removed.add(header)
    // If the API has its own header, nothing has checked the token in this one.
    if (authorizationHeader !== header && authorizationHeader !== 'authorization') removed.add(authorizationHeader)
    if (credentials !== undefined) removed.add('authorization')
    const authorization =
      credentials && new Secret(basicCredentials(credentials.username, credentials.password.reveal()))
    return { endpoint: endpoints.urls[0], group: this.#groupOf(endpoints), removed, authorization, timeout }
  }

  #groupOf(endpoints: Endpoints): EndpointGroup<Endpoint> | undefined {
    const { retry, circuitBreaker } = this.#endpoints
    const options = {
      ...endpoints,
      retry: endpoints.retry ?? retry,
      circuitBreaker: endpoints.circuitBreaker ?? circuitBreaker,
    }
    if (EndpointGroup.isTrivial(options)) return undefined
    const known = this.#groups.get(endpoints)
    if (known !== undefined) return known
    const group = new EndpointGroup(options, this.#endpoints)
    this.#groups.set(endpoints, group)
    return group
  }
}

/** A request for a resource as its upstreams get it; `undefined`: the circuit of each one is open. */
export function upstreamRequest(
  plan: UpstreamPlan,
  resource: Resource,
  exchange: Exchange,
): UpstreamRequest | undefined {
  const { target, responseHeaders, ownCors } = exchange
  const headers = exchange.upstreamHeaders(plan.removed)
  if (plan.authorization !== undefined) headers.push('authorization', plan.authorization.reveal())
  const { endpoint, group, timeout } = plan
  if (group === undefined) {
    return { target: targetAt(endpoint, resource, target), headers, timeout, responseHeaders, ownCors }
  }
  const tries = group.begin((at) => targetAt(at, resource, target), !exchange.isWebSocket)
  return tries && { target: tries.target, tries, headers, timeout, responseHeaders, ownCors }
}

function targetAt(endpoint: Endpoint, resource: Resource, { path, query }: Target): UpstreamTarget {
  return { origin: endpoint.origin, path: upstreamPath(resource, endpoint, path, query) }
}
