/** Upstreams that serve the same, as an API declares them. */
export interface EndpointGroup<Endpoint> {
  /** `http`: the first alone. `load_balance`: each in turn, the others behind it. `failover`: in their order. */
  readonly type: 'http' | 'load_balance' | 'failover'
  readonly urls: readonly [Endpoint, ...Endpoint[]]
}

/** Says in which order the upstreams of a group are tried for the next request. */
export class EndpointOrder {
  readonly #next = new WeakMap<object, number>()

  of<Endpoint>(group: EndpointGroup<Endpoint>): readonly [Endpoint, ...Endpoint[]] {
    const { type, urls } = group
    if (urls.length === 1 || type === 'failover') return urls
    if (type === 'http') return [urls[0]]
    const at = (this.#next.get(group) ?? 0) % urls.length
    this.#next.set(group, at + 1)
    return [...urls.slice(at), ...urls.slice(0, at)] as unknown as readonly [Endpoint, ...Endpoint[]]
  }
}
