import type { Authenticated, Refused } from '../auth/index.js'
import { add, type Samples } from '../metrics/index.js'
import type { ListenerRole, RequestHandler } from '../server/index.js'
import { type Application, type ApplicationParts, openApplication } from './application.js'
import type { Inputs } from './inputs.js'

/** When the connections of an application that was replaced take nothing new, ms. */
export interface Retirement {
  /** At the earliest: a request may still be authenticated by it. */
  readonly after: number
  /** At the latest, though requests that it has begun are under way: one could still go to its next endpoint. */
  readonly by: number
}

const RETIREMENT: Retirement = { after: 60_000, by: 3_600_000 }

/** What listeners call. */
export type Listening = Pick<RequestHandler, 'listener' | 'streamListener' | 'upgradeListener'>

/**
 * The application of the moment, as listeners call it, and those that it has replaced: requests that they have begun end by
 * them, and what they know of tokens is kept up to date until then.
 */
export class Applications implements Listening {
  readonly #parts: ApplicationParts
  readonly #retirement: Retirement
  readonly #retiring = new Map<Application, NodeJS.Timeout>()
  /** Retired ones with answers under way. */
  readonly #closing = new Set<Application>()
  #current: Application
  #inputs: Inputs
  #isLive: boolean | undefined

  private constructor(inputs: Inputs, parts: ApplicationParts, first: Application, retirement: Retirement) {
    this.#inputs = inputs
    this.#retirement = retirement
    this.#parts = parts
    this.#current = first
    const { revocations } = parts
    revocations.onRealtime((isLive) => {
      this.#isLive = isLive
      for (const application of this.#all()) application.realtime(isLive)
    })
    revocations.onChange((entry) => {
      // A folded name comes with another.
      if (entry.kind !== 'token' && entry.kind !== 'issuerToken') return
      for (const application of this.#all()) application.tokenRevoked(entry)
    })
  }

  /** Throws as {@link openApplication}. */
  static async open(inputs: Inputs, parts: ApplicationParts, retirement = RETIREMENT): Promise<Applications> {
    return new Applications(inputs, parts, await openApplication(inputs, parts), retirement)
  }

  /** What the application of the moment was made of. */
  get inputs(): Inputs {
    return this.#inputs
  }

  /** Replaces the application, in one turn. Rejects as {@link openApplication}, and changes nothing then. */
  async replace(inputs: Inputs): Promise<void> {
    const next = await openApplication(inputs, this.#parts)
    if (this.#isLive !== undefined) next.realtime(this.#isLive)
    const previous = this.#current
    this.#current = next
    this.#inputs = inputs
    const { after, by } = this.#retirement
    const latest = setTimeout(() => this.#retire(previous), by)
    latest.unref()
    this.#retiring.set(previous, latest)
    const early = setTimeout(() => {
      void previous.handler.forwardedEnded().then(() => this.#retire(previous))
    }, after)
    early.unref()
  }

  /** As for a request that brings this credential now. */
  async authenticate(credential: string): Promise<Authenticated | Refused> {
    const now = Math.max(Date.now(), this.#parts.revocations.endedBefore)
    return this.#current.authenticator.authenticate(credential, now)
  }

  listener(role: ListenerRole): ReturnType<RequestHandler['listener']> {
    const current = this.#ofCurrent((handler) => handler.listener(role))
    return (req, res) => current()(req, res)
  }

  streamListener(role: ListenerRole): ReturnType<RequestHandler['streamListener']> {
    const current = this.#ofCurrent((handler) => handler.streamListener(role))
    return (stream) => current()(stream)
  }

  upgradeListener(role: ListenerRole): ReturnType<RequestHandler['upgradeListener']> {
    const current = this.#ofCurrent((handler) => handler.upgradeListener(role))
    return (req, socket, head) => current()(req, socket, head)
  }

  /** What is made of the current application's handler, once for each application. */
  #ofCurrent<Made>(make: (handler: RequestHandler) => Made): () => Made {
    let application = this.#current
    let made = make(application.handler)
    return () => {
      if (application !== this.#current) {
        application = this.#current
        made = make(application.handler)
      }
      return made
    }
  }

  /** Adds the connections of all that have some, and what the application of the moment knows of its endpoints. */
  collect(samples: Samples): void {
    for (const { origin, isEjected, isCircuitOpen } of this.#current.handler.endpoints) {
      add(samples, 'mgw_endpoint_ejected', [origin], Number(isEjected))
      add(samples, 'mgw_endpoint_circuit_open', [origin], Number(isCircuitOpen))
    }
    for (const application of [...this.#all(), ...this.#closing]) {
      for (const [origin, { connected, queued }] of application.connections()) {
        add(samples, 'mgw_upstream_connections', [origin], connected)
        add(samples, 'mgw_upstream_queued_requests', [origin], queued)
      }
    }
  }

  /** Closes all connections to upstreams; the requests on them fail. */
  async close(): Promise<void> {
    for (const timer of this.#retiring.values()) clearTimeout(timer)
    const all = [...this.#all(), ...this.#closing]
    this.#retiring.clear()
    await Promise.all(all.map((application) => application.close()))
  }

  #retire(application: Application): void {
    clearTimeout(this.#retiring.get(application))
    if (!this.#retiring.delete(application)) return
    this.#closing.add(application)
    void application.drain().finally(() => this.#closing.delete(application))
  }

  *#all(): Generator<Application> {
    yield this.#current
    yield* this.#retiring.keys()
  }
}
