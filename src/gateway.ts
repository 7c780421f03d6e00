import { type Config, loadConfig } from './config/index.js'
import { type Announcement, announce } from './gateway/announce.js'
import type { Primary } from './gateway/application.js'
import { expiringCertificates } from './gateway/expiring-certificates.js'
import { Explainer } from './gateway/explainer.js'
import { IdentityProviders } from './gateway/identity-providers.js'
import { type Inputs, namesIssuers, readInputs, workerCount } from './gateway/inputs.js'
import { acceptDamagedJournal, type InspectedJournal, inspectJournal } from './gateway/inspect-journal.js'
import { hasCertificate, selfSigned } from './gateway/listeners.js'
import { Observation } from './gateway/observation.js'
import { Observer, type Serves } from './gateway/observing.js'
import { once } from './gateway/once.js'
import { openAdmin } from './gateway/open-admin.js'
import { openRevocations, openSources } from './gateway/open-revocations.js'
import { tryRecordFiles } from './gateway/record-files.js'
import { rehearseStart, tryServing } from './gateway/rehearsal.js'
import { ofPrimary } from './gateway/reload.js'
import { Reloading, type ReloadOptions, type ReloadOutcome } from './gateway/reloading.js'
import { ServedInputs } from './gateway/served-inputs.js'
import { prepareServing } from './gateway/serving.js'
import { type Connections, tryConnections } from './gateway/try-connections.js'
import type { Ports } from './gateway/worker-process.js'
import { Workers, type WorkersOptions } from './gateway/workers.js'
import { createLogging, type Logger, type Logging, type LogLevel, silent } from './logging/index.js'
import type { Publisher } from './replication/index.js'
import {
  type Asker,
  mayBeOf,
  type Revocable,
  type RevocationRecord,
  type RuleRevocation,
  revocable,
} from './revocation/index.js'
import type { SourceStatus } from './sources/source.js'

export type { Explanation } from './gateway/explanation.js'
export type { StatusReport } from './gateway/observing.js'

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

export {
  type Announcement,
  type Connections,
  type Inputs,
  type ReloadOptions,
  type ReloadOutcome,
  readInputs,
  rehearseStart,
  tryConnections,
}

/** An announced revocation of a token, with the outcome at store and topic. */
export interface Revoked extends Revocable {
  readonly told: readonly Announcement[]
}

/** What {@link revokeToken} is told beside the token. */
export interface RevokeTokenOptions {
  /** When the token ends (epoch ms); by default a JWT's own `exp`. */
  readonly expiresAt?: number | undefined
  /** The issuer whose token is meant; by default that of a JWT, if several issuers are configured, and else any. */
  readonly issuer?: string | undefined
}

/**
 * Revokes a token, given whole or by its `jti`, at the store and the topic that a configuration names; gateways learn it
 * from there. Verifies nothing: read access to the configuration is enough to revoke.
 * `problem` says, for people, why nothing is revoked. Throws the configuration's problems.
 */
export async function revokeToken(
  configFile: string,
  token: string,
  { expiresAt, issuer }: RevokeTokenOptions = {},
): Promise<Revoked | { readonly problem: string }> {
  const { config } = await loadConfig(configFile, process.env)
  const named = revocable(token, Date.now(), expiresAt, namesIssuers(config))
  if (named === undefined) return { problem: 'expected a token or a jti: 1 to 65536 visible ASCII characters' }
  if (issuer !== undefined && !mayBeOf(token, issuer))
    return { problem: '--issuer: not the issuer that the token names' }
  const { by } = named
  const record = issuer === undefined ? named.record : { ...named.record, iss: issuer }
  return { by, record, told: await announce(config, record, silent) }
}

/**
 * Puts a rule to the store that a configuration names: about all tokens issued so far, also by an issuer whose clock is ahead
 * by as much as is allowed. Throws the configuration's problems.
 *
 * @param ruleOf the rule about what was issued before a moment (epoch ms)
 */
export async function revokeByRule<Rule extends RuleRevocation>(
  configFile: string,
  ruleOf: (revokedBefore: number) => Rule,
): Promise<{ readonly rule: Rule; readonly told: readonly Announcement[] }> {
  const { config } = await loadConfig(configFile, process.env)
  const rule = ruleOf(Date.now() + config.server.timestampSkew)
  return { rule, told: await announce(config, rule, silent) }
}

/** Reads the journal of a configuration, even while a gateway writes it. Throws the configuration's problems. */
export async function damagesOf(configFile: string): Promise<InspectedJournal> {
  const { config } = await loadConfig(configFile, process.env)
  return inspectJournal(config)
}

/**
 * Accepts a loss of a configuration's journal. Throws the configuration's problems, or the file system's error.
 *
 * @param id the SHA-256 of the damage
 */
export async function acceptDamage(configFile: string, id: string): Promise<{ path: string; isAccepted: boolean }> {
  const { config } = await loadConfig(configFile, process.env)
  const isAccepted = await acceptDamagedJournal(config, id)
  return { path: config.tokenRevocationConfig.journal.path, isAccepted }
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

  const opened: { close(): Promise<unknown> }[] = []
  const close = once(async () => {
    for (let part = opened.pop(); part !== undefined; part = opened.pop()) await part.close()
  })
  const keep = <Part extends { close(): Promise<unknown> }>(part: Part): Part => {
    opened.push(part)
    return part
  }
  try {
    const isAlone = workerCount(config.server.workers) === 1
    await tryRecordFiles(config)
    const observation = keep(await Observation.open(config, logging, isAlone))
    const sources = await openSources(config, logging)
    const revocations = keep(await openRevocations(config, logging, sources, observation.learnt))
    const publisher = isAlone ? undefined : revocations.publisher(logging('Workers'))
    if (publisher !== undefined) keep({ close: async () => publisher.close() })
    const revoke = async (record: RevocationRecord | undefined, asker?: Asker, source?: string) => {
      const durable = revocations.revokeHere(record, asker, source)
      await Promise.all([durable, publisher?.enforced()])
    }
    const witness = (server: string, date: number) => revocations.witness(server, date)
    const providers = keep(
      await IdentityProviders.open(config, {
        revoke: (record, source) => revoke(record, undefined, source),
        streamsChanged: (status: SourceStatus) => revocations.streamsChanged(status),
        witness,
        logging,
      }),
    )
    const primary: Primary = { revoke, receive: (notice) => providers.receive(notice) }
    const serving: Serves = {}
    let listen: () => Promise<Ports>
    if (publisher === undefined) {
      const prepared = keep(await prepareServing(inputs, revocations, primary, logging, observation))
      listen = async () => {
        serving.here = keep(await prepared.listen())
        return serving.here
      }
    } else {
      await tryServing(inputs) // fails once, not in each worker
      const options = workersOptions(configFile, config, publisher, primary, logging)
      listen = async () => {
        const { workers, ports } = await Workers.start(options)
        serving.workers = keep(workers)
        return ports
      }
    }
    revocations.start()
    providers.start()
    const explainer = keep(new Explainer(inputs, revocations, logging))
    const served = new ServedInputs(config, serving, explainer)
    const serve = (next: Inputs, newWorkers: boolean) => served.replace(next, newWorkers)
    const reopenLogs = () => {
      observation.reopen()
      serving.workers?.reopenLogs()
    }
    const reloading = new Reloading({ configFile, serve, reopenLogs, logger: log })
    const observed = { revocations, identityProviders: providers, serves: serving, observation, reloading }
    const observer = keep(new Observer(observed))
    observation.alsoSend(() => observer.samples())
    const logLevel = {
      get: () => logging.level ?? config.logging.level,
      set(level: LogLevel) {
        logging.level = level
        serving.workers?.setLogLevel(level)
      },
    }
    const parts = { revocations, revoke, observer, explainer, logLevel, served, reloading }
    const admin = keep(await openAdmin(config, parts, logging))
    const { httpPort, httpsPort, tokenPort } = await listen()
    log.info('gateway started', { http: httpPort, https: httpsPort, admin: admin.port, token: tokenPort })
    const optional = tokenPort === undefined ? {} : { tokenPort }
    const stop = once(async () => {
      log.info('gateway stopping')
      await close()
      log.info('gateway stopped')
    })
    return {
      httpPort,
      httpsPort,
      ...optional,
      adminPort: admin.port,
      known: () => revocations.known(),
      reload: (options) => reloading.reload(options),
      close: stop,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** Before the listeners open: with several workers, one makes it for all. */
async function makeSelfSigned({ server }: Config, log: Logger): Promise<void> {
  const { certFile } = await selfSigned(server.stateDirectory)
  log.warn('no certificate configured; the HTTPS listener uses a self-signed one for localhost', {
    certificate: certFile,
  })
}

function workersOptions(
  configFile: string,
  config: Config,
  publisher: Publisher,
  primary: Primary,
  logging: Logging,
): WorkersOptions {
  const { server } = config
  const { stopTimeout } = server
  return {
    configFile,
    shared: ofPrimary(config),
    count: workerCount(server.workers),
    stopTimeout,
    publisher,
    ...primary,
    logger: logging('Workers'),
  }
}
