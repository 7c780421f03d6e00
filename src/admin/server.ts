import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

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
}

export interface AdminServer {
  readonly port: number
  close(): Promise<void>
}

/**
 * The admin listener: `/live` (the process answers), `/ready` (protected APIs are served), `/health`.
 * Rejects with Node's error if it cannot listen.
 */
export async function startAdmin(options: AdminOptions): Promise<AdminServer> {
  const server = createServer((req, res) => answer(req, res, options.readiness))
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

function answer(req: IncomingMessage, res: ServerResponse, readiness: () => Readiness): void {
  if (req.method !== 'GET' && req.method !== 'HEAD') {
    json(res, 405, { error: 'Method Not Allowed' })
    return
  }
  switch (req.url?.split('?', 1)[0]) {
    case '/live':
      json(res, 200, { status: 'alive' })
      return
    case '/health':
      json(res, 200, { status: 'healthy' })
      return
    case '/ready': {
      const { ready, detail } = readiness()
      json(res, ready ? 200 : 503, { status: ready ? 'ready' : 'not ready', ...detail })
      return
    }
    default:
      json(res, 404, { error: 'Not Found' })
  }
}

function json(res: ServerResponse, status: number, body: object): void {
  res.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
  res.end(`${JSON.stringify(body, undefined, 2)}\n`)
}
