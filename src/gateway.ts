import { type AdminServer, startAdmin } from './admin/index.js'
import { type Api, formatProblem, loadApis, RouteTable } from './apis/index.js'
import { type Authenticator, openAuthentication } from './auth/index.js'
import { ensureSelfSigned, readKeyPair, readKeyStore, readTrustStore } from './certificates/index.js'
import { type Config, type ConfigWarning, describeProblem, loadConfig } from './config/index.js'
import { createHttpClient, type HttpClient } from './http-client/index.js'
import { createLogging, type Logging } from './logging/index.js'
import { OpenRequests } from './proxy/index.js'
import { openRevocations, type Revocations, type TokenIdentity } from './revocation/index.js'
import { KeyManagerEndpoints, type Listener, listen, RequestHandler } from './server/index.js'

export interface Gateway {
  readonly httpPort: number
  readonly httpsPort: number
  readonly adminPort: number
  /** Resolves when the revocation list is known for the first time: protected APIs are served from then on. */
  known(): Promise<void>
  /** Stops accepting, lets open requests end (`[server] stopTimeout`), and lets go of everything. Safe to call twice. */
  close(): Promise<void>
}

/** Everything that a configuration file leads to, read and checked, with nothing started. */
export interface Inputs {
  readonly config: Config
  readonly apis: readonly Api[]
  readonly warnings: readonly string[]
}

/** Reads a configuration and the API definitions that it names. Throws what is wrong with them, all of it at once. */
export async function readInputs(configFile: string): Promise<Inputs> {
  const { config, warnings } = await loadConfig(configFile, process.env)
  const definitions = await loadApis({ directory: config.apiDefinitions, entries: config.apis, configFile })
  return {
    config,
    apis: definitions.apis,
    warnings: [
      ...warnings.map((warning: ConfigWarning) => describeProblem(warning)),
      ...definitions.warnings.map(formatProblem),
    ],
  }
}

/**
 * Starts a gateway in this process: the listeners answer when it resolves, the list may become known later.
 * Throws a configuration's or a definition's problems, or what kept a listener from opening; then nothing is left open.
 */
export async function startGateway(configFile: string, options: { logging?: Logging } = {}): Promise<Gateway> {
  const inputs = await readInputs(configFile)
  const { config } = inputs
  const logging = options.logging ?? createLogging(config.logging)
  const log = logging('Gateway')
  for (const warning of inputs.warnings) log.warn(warning)

  const opened: { close(): Promise<unknown> }[] = []
  const close = once(async () => {
    for (let part = opened.pop(); part !== undefined; part = opened.pop()) await part.close()
  })
  const keep = <Part extends { close(): Promise<unknown> }>(part: Part): Part => {
    opened.push(part)
    return part
  }
  try {
    const client = keep(await httpClient(config))
    const revocations = keep(await openRevocations(config, logging))
    const { fingerprints } = revocations
    const { authenticator, realtime } = await openAuthentication(config, { client, fingerprints, logging })
    revocations.onRealtime(realtime)
    const handler = requestHandler(inputs, client, revocations, authenticator, logging)
    revocations.start()
    const admin = keep(await openAdmin(config, revocations))
    const { http, https } = await openListeners(config, handler, logging, keep)
    log.info('the gateway is started', { http: http.port, https: https.port, admin: admin.port })
    return {
      httpPort: http.port,
      httpsPort: https.port,
      adminPort: admin.port,
      known: () => revocations.known(),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

function requestHandler(
  { config, apis }: Inputs,
  client: HttpClient,
  revocations: Revocations,
  authenticator: Authenticator,
  logging: Logging,
): RequestHandler {
  const { listenerConfig, authConfig, server, keyManager } = config
  const openRequests = new OpenRequests<TokenIdentity>(({ ids, subject, clients, session }) =>
    [...ids, subject, ...clients, session].filter((key) => key !== undefined),
  )
  if (config.tokenRevocationConfig.closeOpenRequests) endOnRevocation(openRequests, revocations, logging)
  return new RequestHandler({
    routes: new RouteTable(apis),
    authenticator,
    revocations,
    openRequests,
    client,
    ...(keyManager === undefined
      ? {}
      : { keyManager: new KeyManagerEndpoints(keyManager.serverUrl, keyManager.tokenContext) }),
    authorizationHeader: authConfig.authorizationHeader.toLowerCase(),
    assertionHeader: config.jwtConfig.header.toLowerCase(),
    removeAuthHeader: authConfig.removeAuthHeaderFromOutMessage,
    serverHeader: server.header,
    maxUriLength: listenerConfig.maxUriLength,
    maxBodyBytes: listenerConfig.maxEntityBodySize < 0 ? Number.POSITIVE_INFINITY : listenerConfig.maxEntityBodySize,
    logging,
  })
}

/** A revocation ends the requests that are open with its token. */
function endOnRevocation(open: OpenRequests<TokenIdentity>, revocations: Revocations, logging: Logging): void {
  const log = logging('OpenRequests')
  const reason = new Error('the token was revoked')
  revocations.onChange((entry) => {
    const now = Date.now()
    const ended = open.end(entry, (identity) => revocations.find(identity, now) !== undefined, reason)
    if (ended > 0) log.info('open requests of a revoked token were ended', { requests: ended })
  })
}

/** Connections to upstreams, issuers and the key manager. */
async function httpClient({ httpClients, listenerConfig }: Config): Promise<HttpClient> {
  const { sslConfig, poolConfig, verifyHostname, disableSslVerification } = httpClients
  const trustStore = sslConfig.trustStorePath ?? listenerConfig.trustStorePath
  const password =
    sslConfig.trustStorePath === undefined ? listenerConfig.trustStorePassword : sslConfig.trustStorePassword
  const trusted = trustStore === undefined ? undefined : await readTrustStore(trustStore, password)
  const own =
    sslConfig.keyStorePath === undefined ? {} : await readKeyStore(sslConfig.keyStorePath, sslConfig.keyStorePassword)
  return createHttpClient({
    ...own,
    ...(trusted === undefined ? {} : { ca: trusted.certificates.map(({ pem }) => pem) }),
    verifyHostname,
    disableSslVerification,
    ...(poolConfig.maxActiveConnections < 0 ? {} : { maxConnections: poolConfig.maxActiveConnections }),
  })
}

function openAdmin({ admin }: Config, revocations: Revocations): Promise<AdminServer> {
  return startAdmin({
    host: admin.host,
    port: admin.port,
    readiness: () => {
      const state = revocations.state()
      return { ready: state.known, detail: { revocations: state } }
    },
  })
}

async function openListeners(
  config: Config,
  handler: RequestHandler,
  logging: Logging,
  keep: <Part extends { close(): Promise<unknown> }>(part: Part) => Part,
): Promise<{ http: Listener; https: Listener }> {
  const { listenerConfig, server } = config
  const limits = {
    maxHeaderSize: listenerConfig.maxHeaderSize,
    maxUriLength: listenerConfig.maxUriLength,
    timeout: listenerConfig.timeout,
    keepAlive: listenerConfig.keepAlive !== 'NEVER',
  }
  const listeners: Listener[] = []
  keep({ close: () => Promise.all(listeners.map((listener) => listener.close(server.stopTimeout))) })
  const open = async (port: number, tls: { key: string; cert: string } | undefined): Promise<Listener> => {
    const options = { host: listenerConfig.host, port, limits, onRequest: handler.listener(tls !== undefined) }
    const listener = await listen(tls === undefined ? options : { ...options, tls })
    listeners.push(listener)
    return listener
  }
  const tls = await listenerCertificate(config, logging)
  return { http: await open(listenerConfig.httpPort, undefined), https: await open(listenerConfig.httpsPort, tls) }
}

async function listenerCertificate({ listenerConfig, server }: Config, logging: Logging) {
  const { certFile, keyFile, keyStorePath, keyStorePassword } = listenerConfig
  if (certFile !== undefined && keyFile !== undefined) return readKeyPair(certFile, keyFile, keyStorePassword)
  if (keyStorePath !== undefined) return readKeyStore(keyStorePath, keyStorePassword)
  const made = await ensureSelfSigned(server.stateDirectory)
  logging('Gateway').warn('no certificate is configured: the HTTPS listener has a self-signed one for localhost', {
    certificate: made.certFile,
  })
  return made
}

function once(action: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined
  return () => {
    done ??= action()
    return done
  }
}
