import { type Endpoint, type Match, type Resource, upstreamPath } from '../apis/index.js'
import type { Authenticated } from '../auth/index.js'
import { faults } from '../faults/index.js'
import { requestHeaders, type UpstreamTarget } from '../proxy/index.js'
import type { TokenIdentity } from '../token/index.js'
import { DispatchedRequest, type Dispatching } from './dispatched-request.js'
import type { KeyManagerEndpoint } from './key-manager.js'
import type { Target } from './path.js'
import type { ReceivedRequest } from './received-request.js'
import { type HeaderRules, ResourcePlans } from './resource-plans.js'

/** The pipeline's second half: what a request that may pass becomes, and where it goes. */
export class Dispatch {
  readonly #by: Dispatching
  readonly #plans: ResourcePlans

  constructor(by: Dispatching, rules: HeaderRules) {
    this.#by = by
    this.#plans = new ResourcePlans(rules)
  }

  /** To an API's endpoints. Whether the caller's token is revoked is asked as the request leaves. */
  toApi(request: ReceivedRequest, target: Target, { api, resource }: Match, caller: Authenticated | undefined): void {
    const sandbox = caller?.keyType === 'SANDBOX'
    const plans = this.#plans.of(api, resource)
    const plan = sandbox ? plans.sandbox : plans.production
    if (plan === undefined) {
      const fault = sandbox ? faults.noSandboxEndpoint : faults.noProductionEndpoint
      return this.#by.answers.refuse(request, fault, 'no-endpoint')
    }
    const targets = targetsOf(plan.turns.next(), resource, target)
    const headers = this.#headers(request, plan.removed)
    if (plan.authorization !== undefined) headers.push('authorization', plan.authorization.reveal())
    const from = caller && { identity: caller.identity, api: api.name }
    new DispatchedRequest(this.#by, request, { targets, headers, timeout: plan.timeout }, from).send()
  }

  /** To the key manager, as it came; `identity` is the token's where one was asked for. */
  toKeyManager(request: ReceivedRequest, target: Target, to: KeyManagerEndpoint, identity?: TokenIdentity): void {
    const targets = [{ origin: to.origin, path: to.path + target.query }] as const
    const upstream = { targets, headers: this.#headers(request, NOTHING) }
    new DispatchedRequest(this.#by, request, upstream, identity && { identity, api: target.path }).send()
  }

  #headers(request: ReceivedRequest, removed: ReadonlySet<string>): string[] {
    if (removed.has('authorization')) {
      this.#by.log.authentication(request, 'Removed header : Authorization from the request')
    }
    return requestHeaders(request.req.rawHeaders, removed)
  }
}

const NOTHING: ReadonlySet<string> = new Set()

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
