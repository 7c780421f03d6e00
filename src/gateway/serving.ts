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

/** The serving half of a process: listeners, pipeline, connections to upstreams. */
export interface Serving {
  readonly httpPort: number
  readonly httpsPort: number
  readonly tokenPort?: number
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
  /** Releases everything; {@link Serving.close} does the same. */
  close(): Promise<void>
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
  observation?: Pick<Observation, 'observers' | 'collect'>,
): Promise<PreparedServing> {
  const own = await ownCertificate(inputs.config)
  const openWebSockets = new OpenWebSockets()
  const { maxEventLoopLag } = inputs.config.server
  const shedding = maxEventLoopLag === 0 ? undefined : new LoadShedding(maxEventLoopLag, logging('RequestHandler'))
  const { closeOpenRequests } = inputs.config.tokenRevocationConfig
  const metrics = new RequestMetrics()
  const refusals = new ListenerRefusals()
  const openRequests = closeOpenRequests ? endedByRevocations(revocations, metrics, logging) : undefined
  const observers = observation?.observers ?? []
  const watched = new WatchedTokens()
  const applications = await Applications.open(inputs, {
    revocations,
    primary,
    openRequests,
    watched,
    metrics,
    observers,
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
  const listeners: Listener[] = []
  const readTls = async (config: Config) => listenerTls(config, await ownCertificate(config))
  const renew = (tls: ListenerTls) => {
    for (const listener of listeners) listener.renew(tls)
  }
  const watch = new CertificateWatch(async () => renew(await readTls(applications.inputs.config)), logging('Listener'))
  const close = once(async (idle?: number) => {
    watch.stop()
    shedding?.stop()
    const { stopTimeout } = applications.inputs.config.server
    const closed = listeners.map((listener) => listener.close(stopTimeout, idle))
    openWebSockets.goAway()
    await Promise.all(closed)
    standing?.stop() // until then issuers are asked about what is still open
    await applications.close() // no request needs an upstream any more
  })
  const reload = async (next: Inputs) => {
    const tls = await readTls(next.config) // before anything changes: it may not be usable
    await applications.replace(next)
    renew(tls)
    await watch.read(next.config)
  }
  const collect = (samples: Samples) => {
    metrics.collect(samples)
    refusals.collect(samples)
    applications.collect(samples)
    observation?.collect(samples)
    add(samples, 'mgw_open_requests', [], openRequests?.size ?? 0)
  }
  const listen = async () => {
    const { config } = inputs
    const tls = await listenerTls(config, own)
    const opened = await openListeners(config, tls, applications, refusals, logging, observers, (listener) =>
      listeners.push(listener),
    )
    shedding?.start()
    standing?.start()
    await watch.read(config)
    const { http, https, token } = opened
    const optional = token === undefined ? {} : { tokenPort: token.port }
    return { httpPort: http.port, httpsPort: https.port, ...optional, reload, collect, close }
  }
  return { listen, close }
}
