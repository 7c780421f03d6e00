import { type Api, type Endpoint, type Endpoints, type Resource, upstreamPath } from '../../apis/index.js'
import { Secret } from '../../config/index.js'
import { basicCredentials } from '../../http-client/index.js'
import { RoundRobin, requestHeaders, type UpstreamRequest, type UpstreamTarget } from '../../proxy/index.js'
import type { Exchange } from './exchange.js'
import type { Target } from './path.js'

/** How requests are forwarded to a resource's endpoints: what is the same for all of them. */
export interface UpstreamPlan {
  readonly roundRobin: RoundRobin<Endpoint>
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

/** Upstreams of WSO2's gateway trust it to hold the client's certificate, which this gateway never sets. */
const CLIENT_CERTIFICATE_HEADER = 'x-wso2-client-certificate'

/** Makes the plans of each resource once. */
export class UpstreamPlans {
  readonly #rules: HeaderRules
  readonly #plans = new WeakMap<Resource, ResourcePlans>()
  /** Resources that share their endpoints take turns together. */
  readonly #roundRobins = new WeakMap<Endpoints, RoundRobin<Endpoint>>()

  constructor(rules: HeaderRules) {
    this.#rules = rules
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
    return { roundRobin: this.#roundRobinOf(endpoints), removed, authorization, timeout }
  }

  #roundRobinOf(endpoints: Endpoints): RoundRobin<Endpoint> {
    const known = this.#roundRobins.get(endpoints)
    if (known !== undefined) return known
    const roundRobin = new RoundRobin(endpoints)
    this.#roundRobins.set(endpoints, roundRobin)
    return roundRobin
  }
}

/** A request for a resource as its upstreams get it. */
export function upstreamRequest(plan: UpstreamPlan, resource: Resource, exchange: Exchange): UpstreamRequest {
  const { req, target, responseHeaders, ownCors } = exchange
  const targets = targetsOf(plan.roundRobin.next(), resource, target)
  const headers = requestHeaders(req.rawHeaders, plan.removed)
  if (plan.authorization !== undefined) headers.push('authorization', plan.authorization.reveal())
  return { targets, headers, timeout: plan.timeout, responseHeaders, ownCors }
}

function targetsOf(
  endpoints: readonly [Endpoint, ...Endpoint[]],
  resource: Resource,
  { path, query }: Target,
): readonly [UpstreamTarget, ...UpstreamTarget[]] {
  const [first] = endpoints
  const targets: [UpstreamTarget, ...UpstreamTarget[]] = [
    { origin: first.origin, path: upstreamPath(resource, first, path, query) },
  ]
  for (let at = 1; at < endpoints.length; at++) {
    const endpoint = endpoints[at] as Endpoint
    targets.push({ origin: endpoint.origin, path: upstreamPath(resource, endpoint, path, query) })
  }
  return targets
}
