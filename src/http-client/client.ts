import type { LookupFunction } from 'node:net'
import { type ConnectionOptions, createSecureContext, rootCertificates } from 'node:tls'
import { buildConnector, type Dispatcher } from 'undici'
import { endingAfterPause } from './end-after-pause.js'
import { sharedLookup } from './lookup.js'
import { type ConnectionCounts, Pools } from './pools.js'

/** How the gateway, as a client, connects: to upstreams, key managers, stores. */
export interface HttpClientOptions {
  /** PEM certificates that are trusted beside the system's. */
  readonly ca?: readonly string[]
  /** PEM of a client certificate and its key, for servers that ask for one. */
  readonly cert?: string
  readonly key?: string
  /** Accept a certificate that names another host (`[httpClients] verifyHostname = false`). Default true: refuse it. */
  readonly verifyHostname?: boolean
  /** `[httpClients] disableSslVerification`: accept any certificate. */
  readonly disableSslVerification?: boolean
  /** Connections per origin; unlimited if absent. */
  readonly maxConnections?: number
  /** Milliseconds until a connection must stand. Default 10 s. */
  readonly connectTimeout?: number
  /** Milliseconds an upstream may take for its response's headers. Default 120 s. */
  readonly responseTimeout?: number
  /** Milliseconds between two parts of a response's body. Default: as long as for its headers. */
  readonly idleTimeout?: number
  /** Milliseconds for which a connection takes requests: then its host's name is looked up again. Default 60 s. */
  readonly maxConnectionAge?: number
  /** Looks a host name up; absent: as the system does, one look-up for all that wait for the name. */
  readonly lookup?: LookupFunction
}

const CONNECT_TIMEOUT = 10_000
const RESPONSE_TIMEOUT = 120_000
const MAX_CONNECTION_AGE = 60_000
/** Ends an idle connection before common servers (Node: 5 s) do, so that a request rarely meets a closing one. */
const KEEP_ALIVE_TIMEOUT = 4_000

/** Pools of connections by origin. Close it with `close()` (lets open calls end) or `destroy()`. */
export function createHttpClient(options: HttpClientOptions = {}): Dispatcher {
  const responseTimeout = options.responseTimeout ?? RESPONSE_TIMEOUT
  return new Pools({
    allowH2: false, // undici's HTTP/2 client truncates back-pressured bodies (docs/adr/0001)
    pipelining: 1,
    connections: options.maxConnections ?? null,
    headersTimeout: responseTimeout,
    bodyTimeout: options.idleTimeout ?? responseTimeout,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT,
    maxConnectionAge: options.maxConnectionAge ?? MAX_CONNECTION_AGE,
    connect: endingAfterPause(
      buildConnector({
        timeout: options.connectTimeout ?? CONNECT_TIMEOUT,
        ...sharedTls(options),
        lookup: options.lookup ?? sharedLookup,
      }),
    ),
  })
}

/** How many connections a client of {@link createHttpClient} has, by origin: one that was told by the configuration. */
export function connectionCounts(client: Dispatcher): ReadonlyMap<string, ConnectionCounts> {
  return client instanceof Pools ? client.counts() : new Map()
}

/** The TLS side of {@link HttpClientOptions}, for clients that are not undici's. */
function tlsOptions(
  options: HttpClientOptions,
): Pick<ConnectionOptions, 'rejectUnauthorized' | 'checkServerIdentity' | 'cert' | 'key' | 'ca'> {
  return {
    ...(options.disableSslVerification === true ? { rejectUnauthorized: false } : {}),
    ...(options.verifyHostname === false ? { checkServerIdentity: () => undefined } : {}),
    ...(options.cert === undefined ? {} : { cert: options.cert }),
    ...(options.key === undefined ? {} : { key: options.key }),
    // `ca` alone would replace the authorities that Node trusts.
    ...(options.ca === undefined || options.ca.length === 0 ? {} : { ca: [...rootCertificates, ...options.ca] }),
  }
}

/** The same for connections that are made one by one: what is trusted is read once, here. */
export function sharedTls(
  options: HttpClientOptions,
): Pick<ConnectionOptions, 'rejectUnauthorized' | 'checkServerIdentity' | 'secureContext'> {
  const { ca, cert, key, ...checks } = tlsOptions(options)
  const context = {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  }
  return { ...checks, secureContext: createSecureContext(context) }
}
