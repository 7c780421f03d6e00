import { EndpointGroup } from '../../src/proxy/endpoints/endpoint-group.js'
import {
  DEFAULT_ENDPOINT_RULES,
  type EndpointGroupOptions,
  type EndpointRules,
  type Upstream,
} from '../../src/proxy/endpoints/options.js'
import type { UpstreamRequest } from '../../src/proxy/transfer.js'

/** Makes requests that go to these upstreams: in their order, unless `options` says otherwise. */
export function toUpstreams(
  origins: string | readonly string[],
  options: Partial<EndpointGroupOptions<Upstream>> & Partial<EndpointRules> = {},
): (path: string, headers: string[]) => UpstreamRequest {
  const [first = '', ...others] = [origins].flat() as string[]
  const rules = { ...DEFAULT_ENDPOINT_RULES, ...options }
  const group = new EndpointGroup<Upstream>(
    { type: 'failover', urls: [{ origin: first }, ...others.map((origin) => ({ origin }))], ...options },
    rules,
  )
  return (path, headers) => {
    const tries = group.begin(({ origin }) => ({ origin, path }), true)
    if (tries === undefined) throw new Error('every circuit is open')
    return { target: tries.target, tries, headers }
  }
}
