import { createPublicKey, type KeyObject, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { Server } from 'node:net'

/** What a gateway of the comparison is started with: JSON, its first argument. */
export interface GatewaySettings {
  readonly upstream: string
  readonly issuer: string
  /** PEM file. */
  readonly publicKey: string
  /** File of jtis. */
  readonly revoked: string
  readonly authenticate: boolean
  /** Verified tokens that are remembered. */
  readonly cacheCapacity: number
  readonly revocationsPerSecond: number
  /** Directory in which packages are installed that the project has not. */
  readonly packages: string
}

export const settings = JSON.parse(process.argv[2] ?? '{}') as GatewaySettings

/** The key, and the list, to which revocations are added as they "arrive". */
export function readInputs(): { readonly key: KeyObject; readonly revoked: Set<string> } {
  const revoked = new Set(readFileSync(settings.revoked, 'utf8').split('\n'))
  const perTick = settings.revocationsPerSecond / 100
  if (perTick > 0) {
    setInterval(() => {
      for (let i = 0; i < perTick; i++) revoked.add(randomUUID())
    }, 10)
  }
  return { key: createPublicKey(readFileSync(settings.publicKey)), revoked }
}

/** Listens on a free port and says which. */
export function announce(server: Server): void {
  server.listen(0, '127.0.0.1', 4096, () => {
    const address = server.address()
    if (typeof address === 'object' && address !== null) console.log(`listening ${address.port}`)
  })
}

/** The credential of `Authorization: Bearer`. */
export function bearerOf({ headers }: { readonly headers: IncomingHttpHeaders }): string | undefined {
  const { authorization } = headers
  return authorization?.startsWith('Bearer ') === true ? authorization.slice(7) : undefined
}

export function refuse(res: ServerResponse): void {
  res.writeHead(401, { 'content-length': 0 }).end()
}

/** The headers that every gateway of the comparison sets, on top of the request's own without its credentials. */
export function forwardedHeaders(req: IncomingMessage, headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const { authorization: _, 'proxy-authorization': __, connection: ___, ...rest } = headers
  return {
    ...rest,
    'x-forwarded-for': req.socket.remoteAddress ?? '',
    'x-forwarded-proto': 'http',
    'x-forwarded-host': headers.host ?? '',
    via: '1.1 gateway',
  }
}
