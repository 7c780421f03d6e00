import type { UpstreamTarget } from '../transfer.js'
import { EndpointState } from './endpoint-state.js'
import type { EndpointGroupOptions, EndpointRules, EndpointStatus, RetryOptions, Upstream } from './options.js'
import { RetryBudget } from './retry-budget.js'
import { Tries } from './tries.js'

/** How many other endpoints a request may go to where an API does not say. */
const MAX_OTHERS = 4
const NO_CODES: readonly number[] = []

/**
 * Chooses the endpoint of a group for each request and for each retry: of a load-balanced group the one with the fewest
 * requests, those with as few in turn; of a failover group the first. One that has failed several times in a row is ejected: it
 * is used only if no other is left, and one request now and then tries whether it is back. One whose circuit is open is not used.
 */
export class EndpointGroup<Endpoint extends Upstream> {
  readonly retry: RetryOptions
  readonly budget: RetryBudget
  /** Whether a request may go to the endpoint again that failed it. */
  readonly mayRepeat: boolean
  /** Told where a request is sent to after it failed. */
  readonly retried: EndpointRules['retried']
  readonly #states: readonly EndpointState<Endpoint>[]
  readonly #inOrder: boolean
  readonly #clock: () => number
  #turn = 0

  /** @param clock milliseconds, for tests */
  constructor(
    options: EndpointGroupOptions<Endpoint>,
    rules: EndpointRules,
    clock: () => number = () => performance.now(),
  ) {
    const { type, urls, retry, circuitBreaker } = options
    const used = type === 'http' ? [urls[0]] : urls
    const own = used.length > 1 ? rules : { ...rules, maxFailures: 0 }
    this.#states = used.map((endpoint) => new EndpointState(endpoint, own, circuitBreaker))
    this.#inOrder = type === 'failover'
    this.#clock = clock
    this.mayRepeat = retry !== undefined
    this.retry = retry ?? otherEndpoints(used.length)
    this.budget = new RetryBudget(rules.retryBudget)
    this.retried = rules.retried
  }

  /** What is known of each endpoint. */
  get statuses(): EndpointStatus[] {
    return this.#states.map(({ status }) => status)
  }

  /** Whether there is nothing to choose, to learn or to repeat: then there is no need of a group. */
  static isTrivial({ type, urls, retry, circuitBreaker }: EndpointGroupOptions<Upstream>): boolean {
    return (type === 'http' || urls.length === 1) && (retry?.count ?? 0) === 0 && circuitBreaker === undefined
  }

  /**
   * Chooses the first endpoint for a request: `ended` must follow. `undefined`: each one's circuit is open.
   *
   * @param targetOf what the request is there
   * @param mayWait whether the request may wait to be sent again to where it failed
   */
  begin(targetOf: (endpoint: Endpoint) => UpstreamTarget, mayWait: boolean): Tries<Endpoint> | undefined {
    const now = this.#clock()
    const state = this.choose(now, NONE)
    if (state === undefined) return undefined
    this.budget.begin(now)
    return new Tries(this, state, targetOf, mayWait && this.mayRepeat, this.#clock)
  }

  /** @param tried those that the request has been at */
  choose(now: number, tried: readonly unknown[]): EndpointState<Endpoint> | undefined {
    const count = this.#states.length
    const start = this.#inOrder ? 0 : this.#turn
    let best: EndpointState<Endpoint> | undefined
    let ejected: EndpointState<Endpoint> | undefined
    for (let step = 0; step < count; step++) {
      const state = this.#states[(start + step) % count] as EndpointState<Endpoint>
      if (tried.includes(state) || state.isOpen(now)) continue
      if (state.isEjected(now)) ejected = this.#better(ejected, state)
      else if (!state.isDue(now)) best = this.#better(best, state)
      else if (tried.length === 0 && !(this.#inOrder && best !== undefined)) return state
      else ejected = this.#better(ejected, state)
    }
    this.#turn = (start + 1) % count
    return best ?? ejected
  }

  #better(best: EndpointState<Endpoint> | undefined, state: EndpointState<Endpoint>): EndpointState<Endpoint> {
    if (best === undefined) return state
    return this.#inOrder || best.pending <= state.pending ? best : state
  }
}

const NONE: readonly unknown[] = []

function otherEndpoints(count: number): RetryOptions {
  return {
    count: Math.min(count - 1, MAX_OTHERS),
    interval: 0,
    backOffFactor: 1,
    maxInterval: 0,
    statusCodes: NO_CODES,
  }
}
