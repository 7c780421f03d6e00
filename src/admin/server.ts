import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Logger } from '../logging/index.js'
import type { Exposition } from '../metrics/index.js'
import { answerWhole, Connections, type ListenerLimits, listen } from '../server/index.js'
import { type AdminAnswer, answerRevocation, type RevocationsOptions } from './revocations.js'

/** The answer of `/ready`. The status code alone decides: 200 exactly when protected APIs are served. */
export interface Readiness {
  readonly ready: boolean
  /** For people: sources, since when, journal. Holds no secret. */
  readonly detail: Readonly<Record<string, unknown>>
}

export interface AdminOptions {
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  readonly readiness: () => Readiness
  readonly metrics: () => Promise<Exposition>
  readonly revocations: RevocationsOptions
  readonly logger: Logger
}

export interface AdminServer {
  readonly port: number
  close(): Promise<void>
}

/**
 * Starts the admin listener: `/live` (the process answers), `/ready` (protected APIs are served), `/health`, `/metrics`
 * (Prometheus), and `POST /revocations` with the admin token.
 * Rejects with Node's error if it cannot listen.
 */
export async function startAdmin(options: AdminOptions): Promise<AdminServer> {
  const { host, port, logger } = options
  const listener = await listen({
    host,
    port,
    limits: LIMITS,
    connections: new Connections(CONNECTIONS, logger),
    onRequest: (req, res) => answer(req, res, options),
    onError: (error) => logger.error('admin listener error', error),
  })
  return { port: listener.port, close: () => listener.close(0) }
}

/** The default limits of the other listeners; `timeout` in milliseconds. */
const LIMITS: ListenerLimits = {
  maxHeaderSize: 12_288,
  maxUriLength: 4_096,
  timeout: 120_000,
  keepAlive: true,
  maxPipelinedRequests: 10,
}

/** An operator must get in when the other listeners are full. */
const CONNECTIONS = {
  most: Number.POSITIVE_INFINITY,
  mostOfClient: Number.POSITIVE_INFINITY,
  pace: { bytesPerSecond: 500, grace: 60_000 },
}

function answer(req: IncomingMessage, res: ServerResponse, options: AdminOptions): void {
  answerTo(req, options).then(
    (answer) => send(req, res, answer),
    (error: unknown) => {
      if (res.destroyed) return // the client disconnected
      options.logger.error('admin request failed', error)
      send(req, res, { status: 500, body: { error: 'Internal Server Error' } })
    },
  )
}

async function answerTo(req: IncomingMessage, options: AdminOptions): Promise<AdminAnswer> {
  const path = req.url?.split('?', 1)[0]
  if (path === '/revocations') return answerRevocation(req, options.revocations)
  if (req.method !== 'GET' && req.method !== 'HEAD') return { status: 405, body: { error: 'Method Not Allowed' } }
  switch (path) {
    case '/live':
      return { status: 200, body: { status: 'alive' } }
    case '/health':
      return { status: 200, body: { status: 'healthy' } }
    case '/ready': {
      const { ready, detail } = options.readiness()
      return { status: ready ? 200 : 503, body: { status: ready ? 'ready' : 'not ready', ...detail } }
    }
    case '/metrics': {
      const { contentType, text } = await options.metrics()
      return { status: 200, body: text, headers: { 'content-type': contentType } }
    }
    default:
      return { status: 404, body: { error: 'Not Found' } }
  }
}

function send(req: IncomingMessage, res: ServerResponse, { status, body, headers = {} }: AdminAnswer): void {
  if (res.destroyed) return
  const all = ['cache-control', 'no-store', ...Object.entries(headers).flat()]
  if (body === undefined || typeof body === 'string') return answerWhole(req, res, status, all, body ?? '')
  answerWhole(req, res, status, ['content-type', 'application/json', ...all], `${JSON.stringify(body, undefined, 2)}\n`)
}
