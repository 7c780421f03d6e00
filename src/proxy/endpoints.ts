/** Upstreams that serve the same, as an API declares them. */
export interface EndpointGroup<Endpoint> {
  /** `http`: the first alone. `load_balance`: each in turn, the others behind it. `failover`: in their order. */
  readonly type: 'http' | 'load_balance' | 'failover'
  readonly urls: readonly [Endpoint, ...Endpoint[]]
}

/** Says in which order the upstreams of a group are tried for the next request. */
export class EndpointTurns<Endpoint> {
  readonly #turns: readonly (readonly [Endpoint, ...Endpoint[]])[]
  #next = 0

  constructor({ type, urls }: EndpointGroup<Endpoint>) {
    this.#turns =
      type === 'load_balance'
        ? urls.map((first, at) => [first, ...urls.slice(at + 1), ...urls.slice(0, at)])
        : [type === 'failover' ? urls : [urls[0]]]
  }

  next(): readonly [Endpoint, ...Endpoint[]] {
    const turn = this.#turns[this.#next] as readonly [Endpoint, ...Endpoint[]]
    this.#next = (this.#next + 1) % this.#turns.length
    return turn
  }
}
