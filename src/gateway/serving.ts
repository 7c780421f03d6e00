import { WatchedTokens } from '../auth/index.js'
import type { Config } from '../config/index.js'
import type { Logging } from '../logging/index.js'
import { add, ListenerRefusals, RequestMetrics, type Samples } from '../metrics/index.js'
import type { LiveRevocations } from '../revocation/index.js'
import { type Listener, type ListenerTls, LoadShedding, OpenWebSockets } from '../server/index.js'
import type { Primary } from './application.js'
import { Applications } from './applications.js'
import { CertificateWatch } from './certificate-watch.js'
import type { Inputs } from './inputs.js'
import { listenerTls, openListeners, ownCertificate } from './listeners.js'
import type { Observation } from './observation.js'
import { once } from './once.js'
import { endedByRevocations } from './open-requests.js'
import { StandingWatch } from './standing-watch.js'
import type { Ports } from './worker-process.js'

/** The serving half of a process: listeners, pipeline, connections to upstreams. */
export interface Serving {
  readonly ports: Ports
  /**
   * Serves by other inputs from now on: requests under way end by the old ones. They must be what a process that was started
   * before can take: see `withoutRestart`. Rejects, and changes nothing, for what cannot be used.
   */
  reload(inputs: Inputs): Promise<void>
  /** Adds what was counted since the start, and what is open now. */
  collect(samples: Samples): void
  /**
   * Stops accepting, lets open requests end (`[server] stopTimeout`), and closes the connections to upstreams.
   *
   * @param idle milliseconds that a connection without a request may stay, for the one that its client may be sending; default 0
   */
  close(idle?: number): Promise<void>
}

/** A serving half with all that it needs, before it listens. */
export interface PreparedServing {
  /** Opens the listeners. Throws if one cannot be opened; `close` closes those that are open then. Call it once. */
  listen(): Promise<Serving>
  /** Releases everything; {@link Serving.close} does the same, with what it has opened by then. */
  close(idle?: number): Promise<void>
}

/**
 * Makes the serving half, without listening. `primary` takes what will arrive through the listeners.
 * `observation` is told of requests; the caller closes it. Throws for keys, certificates, trust stores, secrets and claim mappings that cannot be used.
 */
export async function prepareServing(
  inputs: Inputs,
  revocations: LiveRevocations,
  primary: Primary,
  logging: Logging,
  observation?: Observed,
): Promise<PreparedServing> {
  const { config } = inputs
  const certificate = await ownCertificate(config)
  const { maxEventLoopLag } = config.server
  const shedding = maxEventLoopLag === 0 ? undefined : new LoadShedding(maxEventLoopLag, logging('RequestHandler'))
  const metrics = new RequestMetrics()
  const { closeOpenRequests } = config.tokenRevocationConfig
  const openRequests = closeOpenRequests ? endedByRevocations(revocations, metrics, logging) : undefined
  const openWebSockets = new OpenWebSockets()
  const watched = new WatchedTokens()
  const applications = await Applications.open(inputs, {
    revocations,
    primary,
    openRequests,
    watched,
    metrics,
    observers: observation?.observers ?? [],
    openWebSockets,
    shedding,
    logging,
  })
  const standing =
    openRequests &&
    new StandingWatch({
      openRequests,
      watched,
      authenticate: (credential) => applications.authenticate(credential),
      metrics,
      logger: logging('OpenRequests'),
    })
  return new ServingHalf({
    config,
    certificate,
    applications,
    openRequests,
    openWebSockets,
    standing,
    shedding,
    metrics,
    observation,
    logging,
  })
}

type Observed = Pick<Observation, 'observers' | 'collect'>

interface ServingParts {
  /** What it listens by. */
  readonly config: Config
  readonly certificate: Awaited<ReturnType<typeof ownCertificate>>
  readonly applications: Applications
  /** Absent: revocations end no open requests. */
  readonly openRequests: ReturnType<typeof endedByRevocations> | undefined
  readonly openWebSockets: OpenWebSockets
  readonly standing: StandingWatch | undefined
  readonly shedding: LoadShedding | undefined
  readonly metrics: RequestMetrics
  readonly observation: Observed | undefined
  readonly logging: Logging
}

class ServingHalf implements PreparedServing {
  readonly #parts: ServingParts
  readonly #refusals = new ListenerRefusals()
  readonly #listeners: Listener[] = []
  readonly #watch: CertificateWatch

  constructor(parts: ServingParts) {
    this.#parts = parts
    const { applications, logging } = parts
    const renew = async () => this.#renew(await readTls(applications.inputs.config))
    this.#watch = new CertificateWatch(renew, logging('Listener'))
  }

  async listen(): Promise<Serving> {
    const { config, certificate, applications, observation, standing, shedding, logging } = this.#parts
    const { http, https, token } = await openListeners(
      config,
      await listenerTls(config, certificate),
      applications,
      this.#refusals,
      logging,
      observation?.observers ?? [],
      (listener) => this.#listeners.push(listener),
    )
    shedding?.start()
    standing?.start()
    await this.#watch.read(config)
    const optional = token === undefined ? {} : { tokenPort: token.port }
    return {
      ports: { httpPort: http.port, httpsPort: https.port, ...optional },
      reload: (inputs) => this.#reload(inputs),
      collect: (samples) => this.#collect(samples),
      close: this.close,
    }
  }

  readonly close = once(async (idle?: number) => {
    const { applications, openWebSockets, standing, shedding } = this.#parts
    this.#watch.stop()
    shedding?.stop()
    const { stopTimeout } = applications.inputs.config.server
    const closed = this.#listeners.map((listener) => listener.close(stopTimeout, idle))
    openWebSockets.goAway()
    await Promise.all(closed)
    standing?.stop() // until then issuers are asked about what is still open
    await applications.close() // no request needs an upstream any more
  })

  async #reload(inputs: Inputs): Promise<void> {
    const tls = await readTls(inputs.config) // before anything changes: it may not be usable
    await this.#parts.applications.replace(inputs)
    this.#renew(tls)
    await this.#watch.read(inputs.config)
  }

  #renew(tls: ListenerTls): void {
    for (const listener of this.#listeners) listener.renew(tls)
  }

  #collect(samples: Samples): void {
    const { metrics, applications, observation, openRequests } = this.#parts
    metrics.collect(samples)
    this.#refusals.collect(samples)
    applications.collect(samples)
    observation?.collect(samples)
    add(samples, 'mgw_open_requests', [], openRequests?.size ?? 0)
  }
}

async function readTls(config: Config): Promise<ListenerTls> {
  return listenerTls(config, await ownCertificate(config))
}
