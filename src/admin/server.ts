import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Logger } from '../logging/index.js'
import { type AdminAnswer, answerRevocation, type RevocationsOptions } from './revocations.js'

/** What `/ready` says. The status code alone decides: 200 exactly when protected APIs are served. */
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
  readonly revocations: RevocationsOptions
  readonly logger: Logger
}

export interface AdminServer {
  readonly port: number
  close(): Promise<void>
}

/**
 * The admin listener: `/live` (the process answers), `/ready` (protected APIs are served), `/health`;
 * `POST /revocations` for whoever has the admin token.
 * Rejects with Node's error if it cannot listen.
 */
export async function startAdmin(options: AdminOptions): Promise<AdminServer> {
  const server = createServer((req, res) => answer(req, res, options))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.host, resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function answer(req: IncomingMessage, res: ServerResponse, options: AdminOptions): void {
  const path = req.url?.split('?', 1)[0]
  if (path === '/revocations') {
    answerRevocation(req, options.revocations).then(
      (answer) => send(res, answer),
      (error: unknown) => {
        // The client left in the middle of it.
        if (res.destroyed) return
        options.logger.error('a revocation could not be taken in', error)
        send(res, { status: 500, body: { error: 'Internal Server Error' } })
      },
    )
    return
  }
  if (req.method !== 'GET' && req.method !== 'HEAD') {
    json(res, 405, { error: 'Method Not Allowed' })
    return
  }
  switch (path) {
    case '/live':
      json(res, 200, { status: 'alive' })
      return
    case '/health':
      json(res, 200, { status: 'healthy' })
      return
    case '/ready': {
      const { ready, detail } = options.readiness()
      json(res, ready ? 200 : 503, { status: ready ? 'ready' : 'not ready', ...detail })
      return
    }
    default:
      json(res, 404, { error: 'Not Found' })
  }
}

function send(res: ServerResponse, { status, body, headers = {} }: AdminAnswer): void {
  if (res.destroyed) return
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value)
  if (body === undefined) res.writeHead(status, { 'cache-control': 'no-store' }).end()
  else json(res, status, body)
}

function json(res: ServerResponse, status: number, body: object): void {
  res.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
  res.end(`${JSON.stringify(body, undefined, 2)}\n`)
}
