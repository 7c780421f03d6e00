/** Upstreams that serve the same, as an API declares them. */
export interface EndpointGroup<Endpoint> {
  /** `http`: the first only. `load_balance`: each in turn, the others as fallbacks. `failover`: in their order. */
  readonly type: 'http' | 'load_balance' | 'failover'
  readonly urls: readonly [Endpoint, ...Endpoint[]]
}

/** Chooses the order in which the upstreams of a group are tried for the next request. */
export class RoundRobin<Endpoint> {
  readonly #orders: readonly (readonly [Endpoint, ...Endpoint[]])[]
  #next = 0

  constructor({ type, urls }: EndpointGroup<Endpoint>) {
    this.#orders =
      type === 'load_balance'
        ? urls.map((first, at) => [first, ...urls.slice(at + 1), ...urls.slice(0, at)])
        : [type === 'failover' ? urls : [urls[0]]]
  }

  next(): readonly [Endpoint, ...Endpoint[]] {
    const order = this.#orders[this.#next] as readonly [Endpoint, ...Endpoint[]]
    this.#next = (this.#next + 1) % this.#orders.length
    return order
  }
}
