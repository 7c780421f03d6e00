import type { Config } from '../config/index.js'
import { createLogging, type Logger, type Logging, type LogLevel } from '../logging/index.js'
import type { Publisher } from '../replication/index.js'
import type { Asker, RevocationRecord } from '../revocation/index.js'
import type { SourceStatus } from '../sources/source.js'
import type { Primary } from './application.js'
import { expiringCertificates } from './expiring-certificates.js'
import { Explainer } from './explainer.js'
import { IdentityProviders } from './identity-providers.js'
import { type Inputs, readInputs, workerCount } from './inputs.js'
import { hasCertificate, selfSigned } from './listeners.js'
import { Observation } from './observation.js'
import { Observer, type Serves } from './observing.js'
import { once } from './once.js'
import { openAdmin } from './open-admin.js'
import { openRevocations, openSources } from './open-revocations.js'
import { Parts } from './parts.js'
import { tryRecordFiles } from './record-files.js'
import { tryServing } from './rehearsal.js'
import { ofPrimary } from './reload.js'
import { Reloading, type ReloadOptions, type ReloadOutcome } from './reloading.js'
import type { Revocations } from './revocations.js'
import { ServedInputs } from './served-inputs.js'
import { prepareServing } from './serving.js'
import type { Ports } from './worker-process.js'
import { Workers } from './workers.js'

/** A running gateway: the ports that it listens on, and how to stop it. */
export interface Gateway {
  readonly httpPort: number
  readonly httpsPort: number
  /** Of the listener for the key manager's endpoints; absent without a key manager. */
  readonly tokenPort?: number
  readonly adminPort: number
  /** Resolves when the revocation list is known for the first time: protected APIs are served from then on. */
  known(): Promise<void>
  /**
   * Reads configuration, definitions, certificates and keys anew and serves by them, without ending a request; what is wrong
   * changes nothing. Never rejects.
   */
  reload(options?: ReloadOptions): Promise<ReloadOutcome>
  /** Stops accepting, lets open requests end (`[server] stopTimeout`), and releases all resources. Safe to call twice. */
  close(): Promise<void>
}

/**
 * Starts a gateway: its listeners answer when it resolves, the list may become known later. With one worker everything runs
 * in this process; with more, this one keeps the list and replicates it to theirs.
 * Throws the problems of the configuration and the API definitions, or why a listener cannot open; then nothing is left
 * open.
 */
export async function startGateway(configFile: string, options: { logging?: Logging } = {}): Promise<Gateway> {
  const inputs = await readInputs(configFile)
  const { config } = inputs
  const logging = options.logging ?? createLogging(config.logging)
  const log = logging('Gateway')
  for (const warning of inputs.warnings) log.warn(warning)
  for (const warning of await expiringCertificates(config, Date.now())) log.warn(warning)
  for (const note of inputs.notes) log.info(note)
  if (!hasCertificate(config)) await makeSelfSigned(config, log)
  const parts = new Parts()
  try {
    return await open({ configFile, inputs, config, logging, parts })
  } catch (error) {
    await parts.close()
    throw error
  }
}

/** What a gateway is started with. */
interface Start {
  readonly configFile: string
  readonly inputs: Inputs
  readonly config: Config
  readonly logging: Logging
  /** Whatever is opened is kept here. */
  readonly parts: Parts
}

async function open(start: Start): Promise<Gateway> {
  const { config, logging, parts } = start
  const isAlone = workerCount(config.server.workers) === 1
  await tryRecordFiles(config)
  const observation = parts.keep(await Observation.open(config, logging, isAlone))
  const list = await openList(start, observation, isAlone)
  const serves: Serves = {}
  const listen =
    list.publisher === undefined
      ? await prepareHere(start, list, observation, serves)
      : await prepareWorkers(start, list.publisher, list.primary, serves)
  list.revocations.start()
  list.providers.start()
  const { adminPort, reloading } = await openOperations(start, list, observation, serves)
  const { httpPort, httpsPort, tokenPort } = await listen()
  const log = logging('Gateway')
  log.info('gateway started', { http: httpPort, https: httpsPort, admin: adminPort, token: tokenPort })
  const close = once(async () => {
    log.info('gateway stopping')
    await parts.close()
    log.info('gateway stopped')
  })
  return {
    httpPort,
    httpsPort,
    ...(tokenPort === undefined ? {} : { tokenPort }),
    adminPort,
    known: () => list.revocations.known(),
    reload: (options) => reloading.reload(options),
    close,
  }
}

/** The list of revocations, and what tells it of them. */
interface OpenList {
  readonly revocations: Revocations
  readonly providers: IdentityProviders
  /** Replicates it to workers; absent: there are none. */
  readonly publisher: Publisher | undefined
  readonly primary: Primary
}

/** Opens what keeps the list; nothing connects yet. */
async function openList(
  { config, logging, parts }: Start,
  observation: Observation,
  isAlone: boolean,
): Promise<OpenList> {
  const sources = await openSources(config, logging)
  const revocations = parts.keep(await openRevocations(config, logging, sources, observation.learnt))
  const publisher = isAlone ? undefined : revocations.publisher(logging('Workers'))
  if (publisher !== undefined) parts.keep({ close: async () => publisher.close() })
  const revoke = async (record: RevocationRecord | undefined, asker?: Asker, source?: string) => {
    const durable = revocations.revokeHere(record, asker, source)
    await Promise.all([durable, publisher?.enforced()])
  }
  const providers = parts.keep(
    await IdentityProviders.open(config, {
      revoke: (record, source) => revoke(record, undefined, source),
      streamsChanged: (status: SourceStatus) => revocations.streamsChanged(status),
      witness: (server, date) => revocations.witness(server, date),
      logging,
    }),
  )
  return { revocations, providers, publisher, primary: { revoke, receive: (notice) => providers.receive(notice) } }
}

/** Prepares the listeners of this process; the result opens them. */
async function prepareHere(
  { inputs, logging, parts }: Start,
  { revocations, primary }: OpenList,
  observation: Observation,
  serves: Serves,
): Promise<() => Promise<Ports>> {
  const prepared = parts.keep(await prepareServing(inputs, revocations, primary, logging, observation))
  return async () => {
    serves.here = parts.keep(await prepared.listen())
    return serves.here.ports
  }
}

/** Prepares workers; the result starts them. */
async function prepareWorkers(
  { configFile, inputs, config, logging, parts }: Start,
  publisher: Publisher,
  primary: Primary,
  serves: Serves,
): Promise<() => Promise<Ports>> {
  await tryServing(inputs) // fails once, not in each worker
  const { workers: count, stopTimeout } = config.server
  return async () => {
    const { workers, ports } = await Workers.start({
      configFile,
      shared: ofPrimary(config),
      count: workerCount(count),
      stopTimeout,
      publisher,
      ...primary,
      logger: logging('Workers'),
    })
    serves.workers = parts.keep(workers)
    return ports
  }
}

/** What people operate a gateway by: reloading, and the admin listener, which opens. */
async function openOperations(
  { configFile, inputs, config, logging, parts }: Start,
  { revocations, providers, primary }: OpenList,
  observation: Observation,
  serves: Serves,
): Promise<{ adminPort: number; reloading: Reloading }> {
  const explainer = parts.keep(new Explainer(inputs, revocations, logging))
  const served = new ServedInputs(config, serves, explainer)
  const reloading = new Reloading({
    configFile,
    serve: (next, newWorkers) => served.replace(next, newWorkers),
    reopenLogs() {
      observation.reopen()
      serves.workers?.reopenLogs()
    },
    logger: logging('Gateway'),
  })
  const observer = parts.keep(
    new Observer({ revocations, identityProviders: providers, serves, observation, reloading }),
  )
  observation.alsoSend(() => observer.samples())
  const logLevel = {
    get: () => logging.level ?? config.logging.level,
    set(level: LogLevel) {
      logging.level = level
      serves.workers?.setLogLevel(level)
    },
  }
  const { revoke } = primary
  const admin = { revocations, revoke, observer, explainer, logLevel, served, reloading }
  const { port } = parts.keep(await openAdmin(config, admin, logging))
  return { adminPort: port, reloading }
}

/** Before the listeners open: with several workers, one makes it for all. */
async function makeSelfSigned({ server }: Config, log: Logger): Promise<void> {
  const { certFile } = await selfSigned(server.stateDirectory)
  log.warn('no certificate configured; the HTTPS listener uses a self-signed one for localhost', {
    certificate: certFile,
  })
}
