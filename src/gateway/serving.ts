import { RouteTable } from '../apis/index.js'
import { type Authenticator, openAuthentication, type TokenNames } from '../auth/index.js'
import { readKeyStore, readTrustStore } from '../certificates/index.js'
import { type Config, corsOf } from '../config/index.js'
import { createHttpClient, type HttpClient, type HttpClientOptions, sharedTls } from '../http-client/index.js'
import type { Logging } from '../logging/index.js'
import { type ForwardOptions, OpenRequests, type WebSocketOptions } from '../proxy/index.js'
import type { LiveRevocations, RevocationRecord } from '../revocation/index.js'
import { KeyManagerEndpoints, LIST_NOT_KNOWN, type Listener, RequestHandler, RevokeEndpoint } from '../server/index.js'
import type { IdentityNames, TokenIdentity } from '../token/index.js'
import { type Inputs, namesIssuers, workerCount } from './inputs.js'
import { openListeners, ownCertificate } from './listeners.js'

/** The serving half of a process: listeners, pipeline, connections to upstreams. */
export interface Serving {
  readonly httpPort: number
  readonly httpsPort: number
  readonly tokenPort?: number
  /** Stops accepting, lets open requests end (`[server] stopTimeout`), and closes the connections to upstreams. */
  close(): Promise<void>
}

/** A serving half with all that it needs, before it listens. */
export interface PreparedServing {
  /** Opens the listeners. Throws if one cannot be opened; `close` closes those that are open then. Call it once. */
  listen(): Promise<Serving>
  /** Releases everything; {@link Serving.close} does the same. */
  close(): Promise<void>
}

/**
 * Makes the serving half, without listening. `revokeHere` takes the revocations that will arrive through the listeners.
 * Throws for keys, certificates, trust stores, secrets and claim mappings that cannot be used.
 */
export async function prepareServing(
  inputs: Inputs,
  revocations: LiveRevocations,
  revokeHere: (record: RevocationRecord | undefined) => Promise<void>,
  logging: Logging,
): Promise<PreparedServing> {
  const { config } = inputs
  const own = await ownCertificate(config)
  const clientOptions = await readClientOptions(config)
  const client = createHttpClient(clientOptions)
  const listeners: Listener[] = []
  let handler: RequestHandler | undefined
  const release = async () => {
    const closed = listeners.map((listener) => listener.close(config.server.stopTimeout))
    handler?.goAway()
    await Promise.all(closed)
    await client.destroy() // no request needs an upstream any more
  }
  let released: Promise<void> | undefined
  const close = () => {
    released ??= release()
    return released
  }
  try {
    const { fingerprints } = revocations
    const { authenticator, realtime, tokenRevoked } = await openAuthentication(config, {
      client,
      fingerprints,
      logging,
      witness: (server, date) => revocations.witness(server, date),
    })
    revocations.onRealtime(realtime)
    revocations.onChange((entry) => {
      // A folded name comes with another.
      if (entry.kind === 'token' || entry.kind === 'issuerToken') tokenRevoked(entry)
    })
    const forwarding = { http: forwardOptions(config, client), webSocket: webSocketOptions(config, clientOptions) }
    const made = requestHandler(inputs, forwarding, revocations, authenticator, revokeHere, logging)
    handler = made
    const listen = async () => {
      const opened = await openListeners(config, own, made, logging, (listener) => listeners.push(listener))
      const { http, https, token } = opened
      const optional = token === undefined ? {} : { tokenPort: token.port }
      return { httpPort: http.port, httpsPort: https.port, ...optional, close }
    }
    return { listen, close }
  } catch (error) {
    await close()
    throw error
  }
}

function requestHandler(
  { config, apis }: Inputs,
  { http, webSocket }: { http: ForwardOptions; webSocket: WebSocketOptions },
  revocations: LiveRevocations,
  authenticator: Authenticator & TokenNames,
  revokeHere: (record: RevocationRecord | undefined) => Promise<void>,
  logging: Logging,
): RequestHandler {
  const { listenerConfig, authConfig, server, keyManager } = config
  const assertionHeader = config.jwtConfig.header.toLowerCase()
  const openRequests = config.tokenRevocationConfig.closeOpenRequests
    ? endedByRevocations(revocations, logging)
    : undefined
  return new RequestHandler({
    routes: new RouteTable(apis),
    authenticator,
    revocations,
    openRequests,
    http,
    webSocket,
    keyManager: keyManager && {
      endpoints: new KeyManagerEndpoints(keyManager.serverUrl, keyManager.tokenContext, corsOf(keyManager.cors)),
      revoke: new RevokeEndpoint({
        client: http.client,
        authenticator,
        revocations: { revokeHere },
        ofItsIssuer: namesIssuers(config),
        removedHeaders: new Set([assertionHeader]),
        logger: logging('KeyManager'),
      }),
    },
    authorizationHeader: authConfig.authorizationHeader.toLowerCase(),
    assertionHeader,
    removeAuthHeader: authConfig.removeAuthHeaderFromOutMessage,
    serverHeader: server.header,
    maxUriLength: listenerConfig.maxUriLength,
    clientTimeout: listenerConfig.timeout,
    logging,
  })
}

function forwardOptions({ listenerConfig }: Config, client: HttpClient): ForwardOptions {
  const { maxEntityBodySize, minBodyRate, bodyGracePeriod } = listenerConfig
  return {
    client,
    maxBodyBytes: maxEntityBodySize < 0 ? Number.POSITIVE_INFINITY : maxEntityBodySize,
    bodyPace: minBodyRate === 0 ? undefined : { bytesPerSecond: minBodyRate, grace: bodyGracePeriod },
  }
}

/** Tracks open requests: a revocation ends those of its token; a list that stops being known ends all with a token. */
function endedByRevocations(revocations: LiveRevocations, logging: Logging): OpenRequests<TokenIdentity> {
  const log = logging('OpenRequests')
  const reason = new Error('the token was revoked')
  const namesIn = ({ ids, folded, subjects, clients, sessions }: IdentityNames) => [
    ...ids,
    ...folded,
    ...subjects,
    ...clients,
    ...sessions,
  ]
  const open = new OpenRequests<TokenIdentity>((token) => [
    ...namesIn(token),
    ...namesIn(token.ofIssuer),
    ...token.issuers,
  ])
  const isRevoked = (identity: TokenIdentity) => revocations.find(identity) !== undefined
  let total = 0
  let isDue = false
  const ended = (requests: number) => {
    if (requests === 0) return
    total += requests
    log.info('open requests of a revoked token ended', { requests, sinceStart: total })
  }
  revocations.onChange((entry) => {
    if (entry.kind !== 'claimsRule') return ended(open.end(entry, isRevoked, reason))
    // Which claims a rule will name is not known when a request begins: all are looked at, once for all rules that come together.
    if (isDue) return
    isDue = true
    queueMicrotask(() => {
      isDue = false
      ended(open.endWhere(isRevoked, reason))
    })
  })
  revocations.onUnknown(() => {
    const requests = open.endAll(LIST_NOT_KNOWN)
    if (requests > 0) log.warn('revocation list not known; open requests with a token ended', { requests })
  })
  return open
}

/** How the gateway connects to upstreams, issuers and the key manager. */
export async function readClientOptions({ httpClients, listenerConfig, server }: Config): Promise<HttpClientOptions> {
  const { sslConfig, poolConfig, verifyHostname, disableSslVerification } = httpClients
  const { connectTimeout, responseTimeout, idleTimeout } = httpClients
  const trustStore = sslConfig.trustStorePath ?? listenerConfig.trustStorePath
  const password =
    sslConfig.trustStorePath === undefined ? listenerConfig.trustStorePassword : sslConfig.trustStorePassword
  const trusted = trustStore === undefined ? undefined : await readTrustStore(trustStore, password)
  const own =
    sslConfig.keyStorePath === undefined ? {} : await readKeyStore(sslConfig.keyStorePath, sslConfig.keyStorePassword)
  const share = Math.ceil(poolConfig.maxActiveConnections / workerCount(server.workers))
  return {
    ...own,
    ...(trusted === undefined ? {} : { ca: trusted.certificates.map(({ pem }) => pem) }),
    verifyHostname,
    disableSslVerification,
    connectTimeout,
    responseTimeout,
    idleTimeout,
    maxConnectionAge: poolConfig.maxConnectionAge,
    ...(poolConfig.maxActiveConnections < 0 ? {} : { maxConnections: share }),
  }
}

/** How WebSockets are forwarded. An idle one is closed after the listener's time-out. */
function webSocketOptions({ listenerConfig, httpClients }: Config, client: HttpClientOptions): WebSocketOptions {
  return {
    tls: sharedTls(client),
    connectTimeout: httpClients.connectTimeout,
    answerTimeout: httpClients.responseTimeout,
    idleTimeout: listenerConfig.timeout,
  }
}
