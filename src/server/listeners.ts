import { createServer as createHttpServer, type RequestListener, type Server, type ServerOptions } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { SecureVersion } from 'node:tls'
import { limitPipelining } from './pipelining.js'
import { answerUnreadable } from './unreadable.js'
import { onUpgrade, ServedRequest, type UpgradeListener } from './upgrade-requests.js'

/** Milliseconds that a client may take for a request's headers. */
const HEADERS_TIMEOUT = 60_000
/** How long a connection without a request is kept, ms. */
const KEEP_ALIVE_TIMEOUT = 60_000

export interface ListenerLimits {
  /** Bytes of a request's headers, its target not counted. */
  readonly maxHeaderSize: number
  readonly maxUriLength: number
  /** Milliseconds without traffic after which a connection is closed; 0: never. */
  readonly timeout: number
  readonly keepAlive: boolean
  /** Requests of one connection that are worked on at a time. */
  readonly maxPipelinedRequests: number
}

/** What a listener needs to speak TLS: its key and certificate chain in PEM, and the versions that it speaks. */
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
  /** A listener without it speaks plain HTTP. */
  readonly tls?: ListenerTls
  readonly onRequest: RequestListener
  readonly onUpgrade: UpgradeListener
}

/** A listener that is open. */
export interface Listener {
  readonly port: number
  /**
   * Stops accepting, lets the requests under way end, and ends what is left after `timeout` ms. Resolves when no
   * connection is open, WebSockets included.
   */
  close(timeout: number): Promise<void>
}

/** Opens a listener; rejects with Node's error (`EADDRINUSE`, `EACCES` ...) if it cannot. */
export async function listen(options: ListenerOptions): Promise<Listener> {
  const { limits, tls } = options
  let draining = false
  const onRequest = limitPipelining(limits.maxPipelinedRequests, options.onRequest, () => {
    if (draining) setImmediate(() => server.closeIdleConnections())
  })
  const serverOptions: ServerOptions<typeof ServedRequest> = {
    IncomingMessage: ServedRequest,
    // Node counts the target with the headers; ours is measured by itself, and answered 414.
    maxHeaderSize: limits.maxHeaderSize + limits.maxUriLength,
    headersTimeout: HEADERS_TIMEOUT,
    requestTimeout: 0, // an upload may take its time; `timeout` ends one that stands still
    keepAliveTimeout: limits.keepAlive ? KEEP_ALIVE_TIMEOUT : 1,
  }
  const listener: RequestListener = (req, res) => {
    if (draining || !limits.keepAlive) res.shouldKeepAlive = false
    onRequest(req, res)
  }
  const server: Server =
    tls === undefined
      ? createHttpServer(serverOptions, listener)
      : createHttpsServer({ ...serverOptions, ...tls }, listener)
  server.setTimeout(limits.timeout)
  server.maxHeadersCount = 0 // beyond a number of its own Node leaves headers out; their size is limited
  server.on('clientError', answerUnreadable)
  const upgraded = onUpgrade(server, options.onUpgrade)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.host, resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    close(timeout) {
      draining = true
      return new Promise((resolve) => {
        const force = setTimeout(() => {
          server.closeAllConnections()
          upgraded.closeAll()
        }, timeout)
        server.close(() => {
          clearTimeout(force)
          resolve()
        })
        server.closeIdleConnections()
      })
    },
  }
}
