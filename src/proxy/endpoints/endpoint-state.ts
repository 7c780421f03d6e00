import type { CircuitBreakerOptions, EndpointRules, EndpointStatus, Upstream } from './options.js'
import { RollingWindow } from './rolling-window.js'
import { Suspension } from './suspension.js'

/** How a request stands to the endpoint that it goes to, as bits: to be handed back when it ends. */
export type Entry = number
const WHILE_EJECTED = 1
const TRIES_EJECTED = 2
const TRIES_CIRCUIT = 4

/** The answer's status, or that none came. */
export type Outcome = number | 'failed'

/** What a process knows of one endpoint: the requests that it has, and whether it works. */
export class EndpointState<Endpoint extends Upstream> {
  readonly endpoint: Endpoint
  /** Requests, and open WebSockets, that it has now. */
  pending = 0
  readonly #rules: EndpointRules
  readonly #breaker: CircuitBreakerOptions | undefined
  readonly #window: RollingWindow | undefined
  readonly #ejection = new Suspension()
  readonly #circuit = new Suspension()
  /** In a row. */
  #failures = 0
  #ejections = 0

  constructor(endpoint: Endpoint, rules: EndpointRules, breaker: CircuitBreakerOptions | undefined) {
    this.endpoint = endpoint
    this.#rules = rules
    this.#breaker = breaker
    this.#window = breaker && new RollingWindow(breaker.timeWindow, breaker.bucketSize)
  }

  get status(): EndpointStatus {
    return { origin: this.endpoint.origin, isEjected: this.#ejection.isOn, isCircuitOpen: this.#circuit.isOn }
  }

  /** Whether its circuit is open: no request may go there. */
  isOpen(now: number): boolean {
    return !this.#circuit.admits(now)
  }

  /** Whether it is ejected: a request goes there only if no other endpoint is left. */
  isEjected(now: number): boolean {
    return !this.#ejection.admits(now)
  }

  /** Whether a request is due that tries whether it is back. */
  isDue(now: number): boolean {
    return (this.#ejection.isDue(now) || this.#circuit.isDue(now)) && !this.isOpen(now) && !this.isEjected(now)
  }

  /** A request goes there: `leave` or `giveUp` must follow. */
  enter(now: number): Entry {
    this.pending++
    if (!this.#ejection.isOn && !this.#circuit.isOn) return 0
    const ejected = this.#ejection.isOn ? WHILE_EJECTED : 0
    return ejected | (this.#ejection.enter(now) ? TRIES_EJECTED : 0) | (this.#circuit.enter(now) ? TRIES_CIRCUIT : 0)
  }

  /** Learns how a request went, once. It stays `pending`. */
  learn(entry: Entry, outcome: Outcome, now: number): void {
    this.#judge(entry, outcome === 'failed' || this.#rules.failureStatusCodes.includes(outcome), now)
    if (this.#breaker === undefined) return
    this.#count(this.#breaker, entry, outcome === 'failed' || this.#breaker.statusCodes.includes(outcome), now)
  }

  /** A request has ended that said nothing of the endpoint: its client left, its token was revoked. */
  giveUp(entry: Entry): void {
    if ((entry & TRIES_EJECTED) !== 0) this.#ejection.giveUp()
    if ((entry & TRIES_CIRCUIT) !== 0) this.#circuit.giveUp()
  }

  #judge(entry: Entry, hasFailed: boolean, now: number): void {
    if ((entry & WHILE_EJECTED) !== 0) {
      if (!hasFailed) this.#restore()
      else if ((entry & TRIES_EJECTED) !== 0 && this.#ejection.isOn) this.#eject(now)
    } else if (!hasFailed) this.#failures = 0
    else if (++this.#failures === this.#rules.maxFailures && !this.#ejection.isOn) this.#eject(now)
  }

  #eject(now: number): void {
    const { ejectionTime, maxEjectionTime, report } = this.#rules
    const time = Math.min(ejectionTime * 2 ** this.#ejections, maxEjectionTime)
    if (time < maxEjectionTime) this.#ejections++
    this.#ejection.begin(now, time)
    report?.('ejected', this.endpoint.origin, time)
  }

  #restore(): void {
    this.#failures = 0
    if (!this.#ejection.isOn) return
    this.#ejections = 0
    this.#ejection.end()
    this.#rules.report?.('restored', this.endpoint.origin, 0)
  }

  #count(breaker: CircuitBreakerOptions, entry: Entry, hasFailed: boolean, now: number): void {
    if ((entry & TRIES_CIRCUIT) !== 0 && this.#circuit.isOn) {
      if (hasFailed) return this.#open(breaker, now)
      this.#circuit.end()
      return this.#rules.report?.('circuit closed', this.endpoint.origin, 0)
    }
    if (this.#circuit.isOn || this.#window === undefined) return // sent before it opened
    const { requests, failures } = this.#window.count(now, hasFailed)
    if (requests < breaker.requestVolumeThreshold || failures <= requests * breaker.failureThreshold) return
    this.#open(breaker, now)
  }

  #open({ resetTime }: CircuitBreakerOptions, now: number): void {
    this.#window?.clear()
    this.#circuit.begin(now, resetTime)
    this.#rules.report?.('circuit opened', this.endpoint.origin, resetTime)
  }
}
