import {
  createServer as createHttpServer,
  type RequestListener,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { type SecureVersion, type TLSSocket, Server as TlsServer } from 'node:tls'
import { hasCode } from '../../error-code.js'
import type { ListenerRefusals } from '../../metrics/index.js'
import { type ClientStream, currentResponse, ignoreError, markLastRequest, writeResponse } from '../../proxy/index.js'
import type { Connections, ServedConnections } from './connections.js'
import { Draining } from './draining.js'
import { Http2Connections } from './http2.js'
import { limitPipelining } from './pipelining.js'
import type { ProxyProtocol } from './proxy-protocol.js'
import { headFault } from './request-head.js'
import { type TurnedAway, turnAway } from './turned-away.js'
import { answerUnreadable } from './unreadable.js'
import { onUpgrade, ServedRequest, type UpgradeListener } from './upgrades.js'

/** Milliseconds that a client may take for a TLS handshake. */
const HANDSHAKE_TIMEOUT = 10_000
/** Milliseconds that a client may take for a request's headers, and between two checks of that. */
const HEADERS_TIMEOUT = 60_000
const HEADERS_INTERVAL = 5_000
/** Milliseconds that an idle connection is kept. */
const KEEP_ALIVE_TIMEOUT = 60_000

export interface ListenerLimits {
  /** Bytes of a request's headers, without its target. */
  readonly maxHeaderSize: number
  readonly maxUriLength: number
  /** Milliseconds without traffic after which a connection is closed; 0: never. */
  readonly timeout: number
  readonly keepAlive: boolean
  /** Requests of one connection that are served at a time. */
  readonly maxPipelinedRequests: number
  /** Milliseconds that a TLS handshake may take. Default 10 s. */
  readonly handshakeTimeout?: number
  /** Milliseconds that a request's headers may take. Default 60 s. */
  readonly headersTimeout?: number
}

/** TLS of a listener: its key and certificate chain in PEM, and the versions that it accepts. */
export interface ListenerTls {
  readonly key: string
  readonly cert: string
  readonly minVersion: SecureVersion
  readonly maxVersion: SecureVersion
}

export interface ListenerOptions {
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  readonly limits: ListenerLimits
  /** Which connections are served, and for how long they may not be read; absent: all, and for ever. */
  readonly connections?: Connections | undefined
  /** Reads whose connections load balancers pass on; absent: clients connect by themselves, or nobody says. */
  readonly proxyProtocol?: ProxyProtocol | undefined
  /** Counts what never reaches `onRequest`, `onStream` and `onUpgrade`. */
  readonly refusals?: ListenerRefusals | undefined
  /** Absent: plain HTTP. */
  readonly tls?: ListenerTls
  readonly onRequest: RequestListener
  /** Serves requests over HTTP/2, which TLS clients then may choose; absent: none may. */
  readonly onStream?: ((stream: ClientStream) => void) | undefined
  /** Absent: a request for a WebSocket is answered with a bare 404. */
  readonly onUpgrade?: UpgradeListener
  /** Told of requests that the listener answers itself: what cannot be read, or is known to be read in different ways. */
  readonly onTurnedAway?: TurnedAway | undefined
  /** Called with each error of the open listener, such as a connection that could not be accepted. It stays open. */
  readonly onError?: (error: Error) => void
}

/** A listener that is open. */
export interface Listener {
  readonly port: number
  /** Of a TLS listener: what connections from now on are served with; plain HTTP has none. Throws if it cannot be used. */
  renew(tls: ListenerTls): void
  /**
   * Stops accepting, waits for the requests under way, and destroys what is left after `timeout` ms. Resolves when no
   * connection is open, WebSockets included.
   *
   * @param idle ms for which a connection without a request stays, for the one that its client may be sending; default 0
   */
  close(timeout: number, idle?: number): Promise<void>
}

/** Opens a listener; rejects with Node's error (`EADDRINUSE`, `EACCES` ...) if it cannot. */
export async function listen(options: ListenerOptions): Promise<Listener> {
  const { limits, refusals } = options
  const onTurnedAway: TurnedAway = (status, connection, req) => {
    refusals?.count(status === 408 ? 'slow-request' : 'unreadable')
    options.onTurnedAway?.(status, connection, req)
  }
  const server = nodeServer(options)
  server.setTimeout(limits.timeout)
  server.maxHeadersCount = 0 // no limit: Node would drop further headers silently; their size is limited
  server.on('clientError', (error, socket) => answerUnreadable(error, socket, onTurnedAway))
  server.on('tlsClientError', (error) => {
    if (!hasCode(error, 'ECONNRESET')) refusals?.count('tls') // else the client left
  })
  const http2 = serveHttp2(server, { ...options, onTurnedAway })
  if (server instanceof TlsServer) server.on('secureConnection', parseWhatIsRead)
  const upgraded = serveUpgrades(server, options.onUpgrade ?? refuseUpgrade, onTurnedAway)
  const draining = new Draining(server, upgraded, http2)
  serveHttp1(server, options, draining, onTurnedAway)
  const served: ServedConnections = {
    isIdle: (socket) => http2?.of(socket)?.isIdle ?? (currentResponse(socket) === undefined && !upgraded.has(socket)),
    close: (socket) => (http2?.of(socket) ?? { destroy: () => socket.destroySoon() }).destroy(),
  }
  options.connections?.guard(server, served, refusals)
  options.proxyProtocol?.guard(server, refusals)
  draining.watch()
  await opened(server, options)
  return {
    port: (server.address() as AddressInfo).port,
    renew(renewed) {
      if (server instanceof TlsServer) server.setSecureContext(renewed)
    },
    close: (timeout, idle = 0) => draining.begin(timeout, idle),
  }
}

function nodeServer({ limits, tls, onStream }: ListenerOptions): Server<typeof ServedRequest> {
  const { handshakeTimeout = HANDSHAKE_TIMEOUT, headersTimeout = HEADERS_TIMEOUT } = limits
  const serverOptions: ServerOptions<typeof ServedRequest> = {
    IncomingMessage: ServedRequest,
    // Node counts the target with the headers; a target that is too long is answered 414 later.
    maxHeaderSize: limits.maxHeaderSize + limits.maxUriLength,
    headersTimeout,
    connectionsCheckingInterval: Math.min(headersTimeout, HEADERS_INTERVAL),
    requireHostHeader: false, // after Node's own answer the next request would be served
    requestTimeout: 0, // an upload may take long; `timeout` ends one that stalls
    keepAliveTimeout: limits.keepAlive ? KEEP_ALIVE_TIMEOUT : 1,
  }
  if (tls === undefined) return createHttpServer(serverOptions)
  const ALPNProtocols = onStream === undefined ? ['http/1.1'] : ['h2', 'http/1.1']
  return createHttpsServer({ ...serverOptions, ...tls, handshakeTimeout, ALPNProtocols })
}

/** Passes on what can be read in one way only, and answers the rest. */
function serveHttp1(
  server: Server<typeof ServedRequest>,
  { limits: { keepAlive, maxPipelinedRequests }, onRequest }: ListenerOptions,
  draining: Draining,
  onTurnedAway: TurnedAway,
): void {
  const pipelined = limitPipelining(maxPipelinedRequests, onRequest, () => draining.responseOver())
  const serve = (req: ServedRequest, res: ServerResponse, unmet?: number): void => {
    const fault = headFault(req)
    const isLast = draining.hasBegun || !keepAlive || req.declinesUpgrade || fault !== undefined
    if (isLast) res.shouldKeepAlive = false
    const status = fault ?? unmet
    if (status === undefined) pipelined(req, res)
    else turnAway(req, res, status, onTurnedAway)
    if (isLast) markLastRequest(req.socket)
  }
  server.on('request', (req, res) => serve(req, res))
  // The body is asked for once nothing refuses it: `ClientStream.askForBody`.
  server.on('checkContinue', (req, res) => serve(req, res))
  // RFC 9110 §10.1.1: the only expectation that is supported is `100-continue`.
  server.on('checkExpectation', (req, res) => serve(req, res, 417))
}

function serveUpgrades(
  server: Server,
  upgrade: UpgradeListener,
  onTurnedAway: TurnedAway,
): ReturnType<typeof onUpgrade> {
  return onUpgrade(server, (req, socket, head) => {
    const fault = headFault(req)
    if (fault === undefined) return upgrade(req, socket, head)
    writeResponse(socket, fault, [], '')
    onTurnedAway(fault, socket, req)
  })
}

/**
 * Serves the connections of a TLS server whose client chose `h2`; all others stay with Node's HTTP/1.1 server, and all that
 * applies to them does not change. (`http2.createSecureServer` with `allowHTTP1` ignores time-outs and limits of theirs.)
 */
function serveHttp2(
  server: Server,
  { onStream, onTurnedAway: turnedAway, limits, tls, connections }: ListenerOptions,
): Http2Connections | undefined {
  if (onStream === undefined || tls === undefined) return undefined
  const { maxHeaderSize, maxUriLength, timeout, keepAlive } = limits
  const idleTimeout = KEEP_ALIVE_TIMEOUT
  const http2 = new Http2Connections({ maxHeaderSize, maxUriLength, timeout, idleTimeout, keepAlive }, onStream, {
    turnedAway,
    slowStreams: connections?.slowStreams,
  })
  const serveHttp1 = server.listeners('secureConnection')
  server.removeAllListeners('secureConnection')
  server.on('secureConnection', (socket: TLSSocket) => {
    if (socket.alpnProtocol === 'h2') http2.add(socket)
    else for (const serve of serveHttp1) serve.call(server, socket)
  })
  return http2
}

/**
 * Has Node's server parse what the socket reads, not what its handle does. A TLS handle goes on with what it has decrypted
 * after it was paused, which the server does to a client that pipelines and has much to read; the parser, paused too, drops
 * it, and the rest of a request is taken for the next. Adding a listener for `data` ends that for good. Costs a copy.
 */
function parseWhatIsRead(socket: TLSSocket): void {
  if (socket.alpnProtocol !== 'h2') socket.on('data', ignoreError).off('data', ignoreError)
}

/** Starts to listen. From here on every `error` has a listener: without one it would end the process. */
function opened(server: Server, { port, host, onError }: ListenerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    let isOpen = false
    server.on('error', (error) => {
      if (isOpen) onError?.(error)
      else reject(error)
    })
    server.listen(port, host, () => {
      isOpen = true
      resolve()
    })
  })
}

const refuseUpgrade: UpgradeListener = (_, socket) => writeResponse(socket, 404, [], '')
