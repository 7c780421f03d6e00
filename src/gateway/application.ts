import { RouteTable } from '../apis/index.js'
import {
  type Authenticator,
  openAuthentication,
  type TokenNames,
  type TokenOrigin,
  type WatchedTokens,
} from '../auth/index.js'
import { type Config, corsOf } from '../config/index.js'
import { connectionCounts, createHttpClient, type HttpClient } from '../http-client/index.js'
import type { Logging } from '../logging/index.js'
import type { RequestMetrics } from '../metrics/index.js'
import {
  AddressList,
  Forwarding,
  type ForwardOptions,
  type OpenRequests,
  type WebSocketOptions,
} from '../proxy/index.js'
import type { Asker, LiveRevocations, RevocationRecord } from '../revocation/index.js'
import {
  KeyManagerEndpoints,
  type LoadShedding,
  NoticeEndpoints,
  type OpenWebSockets,
  RequestHandler,
  type RequestObserver,
  RevokeEndpoint,
} from '../server/index.js'
import type { Notice, NoticeAnswer } from '../sources/identity-provider/index.js'
import type { TokenIdentity } from '../token/index.js'
import { Tracing } from '../tracing/index.js'
import { endpointDefaults, readClientOptions, webSocketOptions } from './client-options.js'
import type { Inputs } from './inputs.js'
import { namesIssuers } from './issuers.js'
import { recordsSpans } from './telemetry.js'

/** What of the primary serves what arrives through the listeners of any process. */
export interface Primary {
  /** Takes a revocation; `undefined` waits for all earlier ones. Rejects with `UnconfirmedRevocation`. */
  revoke(record: RevocationRecord | undefined, asker: Asker): Promise<void>
  /** Takes what an identity provider posted. Never rejects. */
  receive(notice: Notice): Promise<NoticeAnswer>
}

/** What outlives a configuration: applications that follow one another share it. */
export interface ApplicationParts {
  readonly revocations: LiveRevocations
  readonly primary: Primary
  readonly openRequests: OpenRequests<TokenIdentity> | undefined
  /** Tokens that their issuers are asked about while they are in use. */
  readonly watched: WatchedTokens
  readonly openWebSockets: OpenWebSockets
  readonly metrics: RequestMetrics
  /** Told of each request when it is over. */
  readonly observers: readonly RequestObserver[]
  /** Absent: no request is refused because there are too many. */
  readonly shedding: LoadShedding | undefined
  readonly logging: Logging
}

/** All that serves requests by one configuration: routes, keys, connections to upstreams. A reload makes another. */
export interface Application {
  readonly handler: RequestHandler
  readonly authenticator: Authenticator
  /** Whether a realtime source is live; see `OpenedAuthentication`. */
  realtime(isLive: boolean): void
  /** To be told of each new id of a revoked token in the list. */
  readonly tokenRevoked: Awaited<ReturnType<typeof openAuthentication>>['tokenRevoked']
  /** Its connections, by origin. */
  connections(): ReturnType<typeof connectionCounts>
  /** Closes the connections to upstreams once what is under way on them has ended; they take nothing new. */
  drain(): Promise<void>
  /** Closes the connections to upstreams; the requests on them fail. */
  close(): Promise<void>
}

/** Makes an application. Throws for keys, certificates, trust stores, secrets and claim mappings that cannot be used. */
export async function openApplication(inputs: Inputs, parts: ApplicationParts): Promise<Application> {
  const { config } = inputs
  const { revocations, watched, metrics, logging } = parts
  const clientOptions = await readClientOptions(config)
  const client = createHttpClient(clientOptions)
  try {
    const { authenticator, realtime, tokenRevoked } = await openAuthentication(config, {
      client,
      fingerprints: revocations.fingerprints,
      logging,
      witness: (server, date) => revocations.witness(server, date),
      watched,
      droppedBefore: () => revocations.droppedBefore,
      noSession: (issuer) => metrics.tokenWithoutSession(issuer),
    })
    const forwarding = { http: forwardOptions(config, client), webSocket: webSocketOptions(config, clientOptions) }
    const notices = await noticeEndpoints(config, parts.primary)
    const handler = requestHandler(inputs, forwarding, parts, authenticator, notices)
    return {
      handler,
      authenticator,
      realtime,
      tokenRevoked,
      connections: () => connectionCounts(client),
      drain: () => client.close(),
      close: () => client.destroy(),
    }
  } catch (error) {
    await client.destroy()
    throw error
  }
}

function requestHandler(
  { config, apis }: Inputs,
  { http, webSocket }: { http: ForwardOptions; webSocket: WebSocketOptions },
  { revocations, primary, openRequests, openWebSockets, metrics, observers, shedding, logging }: ApplicationParts,
  authenticator: Authenticator & TokenNames & TokenOrigin,
  notices: NoticeEndpoints | undefined,
): RequestHandler {
  const { listenerConfig, authConfig, server, keyManager } = config
  const assertionHeader = config.jwtConfig.header.toLowerCase()
  return new RequestHandler({
    routes: new RouteTable(apis),
    authenticator,
    revocations,
    openRequests,
    openWebSockets,
    metrics,
    observers,
    shedding,
    http,
    webSocket,
    endpoints: endpointDefaults(config),
    forwarding: forwardingOf(config),
    tracing: new Tracing({ ...config.tracing, recordsSpans: recordsSpans(config) }),
    keyManager: keyManager && {
      endpoints: new KeyManagerEndpoints(keyManager.serverUrl, keyManager.tokenContext, corsOf(keyManager.cors)),
      revoke: new RevokeEndpoint({
        client: http.client,
        authenticator,
        revocations: { revokeHere: (record, asker) => primary.revoke(record, asker) },
        ofItsIssuer: namesIssuers(config),
        removedHeaders: new Set([assertionHeader]),
        logger: logging('KeyManager'),
      }),
    },
    notices,
    authorizationHeader: authConfig.authorizationHeader.toLowerCase(),
    assertionHeader,
    removeAuthHeader: authConfig.removeAuthHeaderFromOutMessage,
    serverHeader: server.header,
    maxUriLength: listenerConfig.maxUriLength,
    clientTimeout: listenerConfig.timeout,
    logging,
  })
}

async function noticeEndpoints({ identityProvider }: Config, primary: Primary): Promise<NoticeEndpoints | undefined> {
  if (identityProvider.length === 0) return undefined
  const { noticePaths } = await import('../sources/identity-provider/index.js')
  const { pushPaths } = await import('../sources/ssf/index.js')
  const paths = identityProvider.flatMap((provider) => [...noticePaths(provider), ...pushPaths(provider)])
  return paths.length === 0 ? undefined : new NoticeEndpoints({ paths, receive: (notice) => primary.receive(notice) })
}

function forwardingOf({ listenerConfig }: Config): Forwarding {
  const { forwardedHeaders, trustedProxies } = listenerConfig
  return new Forwarding({ headers: forwardedHeaders, trustedProxies: new AddressList(trustedProxies) })
}

function forwardOptions({ listenerConfig }: Config, client: HttpClient): ForwardOptions {
  const { maxEntityBodySize, minBodyRate, bodyGracePeriod, requestTimeout } = listenerConfig
  return {
    client,
    maxBodyBytes: maxEntityBodySize < 0 ? Number.POSITIVE_INFINITY : maxEntityBodySize,
    bodyPace: minBodyRate === 0 ? undefined : { bytesPerSecond: minBodyRate, grace: bodyGracePeriod },
    bodyTimeout: requestTimeout === 0 ? undefined : requestTimeout,
  }
}
