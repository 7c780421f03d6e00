import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Logger } from '../logging/index.js'
import type { Exposition } from '../metrics/index.js'
import { answerWhole, Connections, type ListenerLimits, listen } from '../server/index.js'
import { type AdminAnswer, methodNotAllowed } from './answer.js'
import { StatusEvents } from './events.js'
import { isMeantHost } from './hosts.js'
import { answerLogLevel, type LogLevelOptions } from './log-level.js'
import { PAGE } from './page.js'
import { answerExplain, answerLookup, type QuestionsOptions } from './questions.js'
import { answerReload, type Reload } from './reload.js'
import { answerRevocation, type RevocationsOptions } from './revocations.js'

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
  /** Names under which it is reached, beside its own and `localhost`; see {@link isMeantHost}. */
  readonly hosts: readonly string[]
  readonly readiness: () => Readiness
  /** For people and dashboards: everything that is known of the gateway's state. Holds no secret. */
  readonly status: () => Promise<object>
  readonly metrics: () => Promise<Exposition>
  readonly revocations: RevocationsOptions
  readonly questions: QuestionsOptions
  readonly logLevel: LogLevelOptions
  readonly reload: Reload
  readonly logger: Logger
}

export interface AdminServer {
  readonly port: number
  close(): Promise<void>
}

/**
 * Starts the admin listener: `/live` (the process answers), `/ready` (protected APIs are served), `/health`, `/status`, `/events` (the
 * same as it changes), `/` (a page that shows it), `/metrics` (Prometheus), and with the admin token `POST /revocations`,
 * `/revocations/lookup`, `/explain`, `/log-level` and `/reload`. docs/admin-openapi.yaml
 * describes it. A request under a name that it does not know is refused with 421. Rejects with Node's error if it cannot listen.
 */
export async function startAdmin(options: AdminOptions): Promise<AdminServer> {
  const { host, port, hosts, logger } = options
  const named = new Set([host, ...hosts].map((name) => name.toLowerCase()))
  const events = new StatusEvents(options)
  const listener = await listen({
    host,
    port,
    limits: LIMITS,
    connections: new Connections(CONNECTIONS, logger),
    onRequest: (req, res) => answer(req, res, options, named, events),
    onError: (error) => logger.error('admin listener error', error),
  })
  return {
    port: listener.port,
    close: () => {
      events.close()
      return listener.close(0)
    },
  }
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

function answer(
  req: IncomingMessage,
  res: ServerResponse,
  options: AdminOptions,
  named: ReadonlySet<string>,
  events: StatusEvents,
): void {
  const isMeant = isMeantHost(req.headers.host, named)
  if (isMeant && pathOf(req) === '/events') {
    const refusal = events.listen(req, res)
    if (refusal !== undefined) send(req, res, refusal)
    return
  }
  const answered = isMeant ? answerTo(req, options) : Promise.resolve(MISDIRECTED)
  if (req.headers.expect !== undefined) res.writeContinue()
  answered.then(
    (answer) => send(req, res, answer),
    (error: unknown) => {
      if (res.destroyed) return // the client disconnected
      options.logger.error('admin request failed', error)
      send(req, res, { status: 500, body: { error: 'Internal Server Error' } })
    },
  )
}

const MISDIRECTED: AdminAnswer = {
  status: 421,
  body: { error: 'Misdirected Request', problem: 'the Host is not one of the admin listener; see [admin] hosts' },
}

function pathOf({ url = '' }: IncomingMessage): string {
  return url.split('?', 1)[0] ?? ''
}

async function answerTo(req: IncomingMessage, options: AdminOptions): Promise<AdminAnswer> {
  const path = pathOf(req)
  const { revocations, questions, logLevel, reload } = options
  if (path === '/revocations') return answerRevocation(req, revocations)
  if (path === '/revocations/lookup') return answerLookup(req, revocations, questions)
  if (path === '/log-level') return answerLogLevel(req, revocations, logLevel)
  if (path === '/explain') return answerExplain(req, revocations, questions)
  if (path === '/reload') return answerReload(req, revocations, reload)
  const read = Object.hasOwn(READ, path) ? READ[path] : undefined
  if (read !== undefined && req.method !== 'GET' && req.method !== 'HEAD') return methodNotAllowed('GET, HEAD')
  return (await read?.(options)) ?? { status: 404, body: { error: 'Not Found' } }
}

/** What anybody who reaches the listener may read, by path. */
const READ: Readonly<Record<string, (options: AdminOptions) => AdminAnswer | Promise<AdminAnswer>>> = {
  ...PAGE,
  '/live': () => ({ status: 200, body: { status: 'alive' } }),
  '/health': () => ({ status: 200, body: { status: 'healthy' } }),
  '/ready'({ readiness }) {
    const { ready, detail } = readiness()
    return { status: ready ? 200 : 503, body: { status: ready ? 'ready' : 'not ready', ...detail } }
  },
  '/status': async ({ status }) => ({ status: 200, body: await status() }),
  async '/metrics'({ metrics }) {
    const { contentType, text } = await metrics()
    return { status: 200, body: text, headers: { 'content-type': contentType } }
  },
}

function send(req: IncomingMessage, res: ServerResponse, { status, body, headers = {} }: AdminAnswer): void {
  if (res.destroyed) return
  const all = ['cache-control', 'no-store', ...Object.entries(headers).flat()]
  if (body === undefined || typeof body === 'string') return answerWhole(req, res, status, all, body ?? '')
  answerWhole(req, res, status, ['content-type', 'application/json', ...all], `${JSON.stringify(body, undefined, 2)}\n`)
}
