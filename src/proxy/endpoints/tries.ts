import type { TryFailure, UpstreamTarget, UpstreamTries } from '../transfer.js'
import type { EndpointGroup } from './endpoint-group.js'
import type { EndpointState, Entry, Outcome } from './endpoint-state.js'
import type { Upstream } from './options.js'

/** The tries of one request at the endpoints of a group. */
export class Tries<Endpoint extends Upstream> implements UpstreamTries {
  readonly #group: EndpointGroup<Endpoint>
  readonly #targetOf: (endpoint: Endpoint) => UpstreamTarget
  readonly #mayRepeat: boolean
  readonly #clock: () => number
  readonly #tried: EndpointState<Endpoint>[]
  #state: EndpointState<Endpoint>
  #entry: Entry
  #hasLearnt = false
  #isOver = false
  #retries = 0
  #target: UpstreamTarget
  #delay = 0

  /** @param mayRepeat whether it may go again to an endpoint that failed it */
  constructor(
    group: EndpointGroup<Endpoint>,
    first: EndpointState<Endpoint>,
    targetOf: (endpoint: Endpoint) => UpstreamTarget,
    mayRepeat: boolean,
    clock: () => number,
  ) {
    this.#group = group
    this.#targetOf = targetOf
    this.#mayRepeat = mayRepeat
    this.#clock = clock
    this.#state = first
    this.#tried = [first]
    this.#target = targetOf(first.endpoint)
    this.#entry = first.enter(clock())
  }

  get target(): UpstreamTarget {
    return this.#target
  }

  get delay(): number {
    return this.#delay
  }

  answered(status: number, mayResend: boolean): UpstreamTarget | undefined {
    this.#learn(status)
    return mayResend && this.#group.retry.statusCodes.includes(status) ? this.#next(true) : undefined
  }

  failed(failure: TryFailure, mayResend: boolean): UpstreamTarget | undefined {
    this.#learn('failed')
    if (!mayResend || (failure === 'timeout' && !this.#group.retry.statusCodes.includes(504))) return undefined
    return this.#next(failure !== 'unsent')
  }

  ended(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#leave()
  }

  #learn(outcome: Outcome): void {
    if (this.#hasLearnt) return
    this.#hasLearnt = true
    this.#state.learn(this.#entry, outcome, this.#clock())
  }

  #leave(): void {
    if (!this.#hasLearnt) this.#state.giveUp(this.#entry)
    this.#state.pending--
  }

  /** A request that never left is not a retry for the endpoint that gets it: only the count bounds it. */
  #next(isRetry: boolean): UpstreamTarget | undefined {
    const { retry, budget } = this.#group
    if (this.#isOver || this.#retries >= retry.count) return undefined
    const now = this.#clock()
    const other = this.#group.choose(now, this.#tried)
    const state = other ?? (this.#mayRepeat ? this.#group.choose(now, []) : undefined)
    if (state === undefined || ((isRetry || other === undefined) && !budget.take(now))) return undefined
    this.#delay =
      other === undefined ? Math.min(retry.interval * retry.backOffFactor ** this.#retries, retry.maxInterval) : 0
    this.#retries++
    this.#leave()
    this.#state = state
    if (other !== undefined) this.#tried.push(other)
    this.#hasLearnt = false
    this.#entry = state.enter(now)
    this.#target = this.#targetOf(state.endpoint)
    this.#group.retried?.(state.endpoint.origin)
    return this.#target
  }
}
