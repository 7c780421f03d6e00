import { mkdir } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { createServer } from 'node:https'
import { join } from 'node:path'
import { ensureSelfSigned } from '../../certificates/index.js'
import { type Logging, silent } from '../../logging/index.js'
import { closeServer, listen, listener, MAX_CONNECTIONS, type Reply, SERVER_LIMITS } from '../http.js'
import type { Credentials } from './credentials.js'
import { ENDPOINTS, type Endpoints, type RevocationEvent } from './endpoints.js'
import { RevocationLog } from './revocation-log.js'
import { loadSigningKey } from './signing-key.js'
import { Tokens } from './tokens.js'

export interface TokenServiceOptions {
  /** 0 for a free one. */
  readonly port: number
  /** Keeps the signing key, the revocation list, the certificate and its key. Created (mode 0700) if missing. */
  readonly directory: string
  /** The `iss` of the tokens. Default {@link DEMO_ISSUER}, whatever the port: tokens outlive a change of port. */
  readonly issuer?: string
  /** Who gets tokens and revokes them. */
  readonly client: Credentials
  /** Who reads the list of revoked tokens, and introspects. */
  readonly admin: Credentials
  /** Tells the topic's subscribers of a revocation that is on disk. Must not throw. */
  readonly publish?: (event: RevocationEvent) => void
  readonly logging?: Logging
  /** Epoch ms. */
  readonly clock?: () => number
}

/** A running token service, over TLS, on loopback. */
export interface TokenService {
  readonly port: number
  readonly url: string
  readonly issuer: string
  /** PEM of the certificate to trust. */
  readonly caFile: string
  close(): Promise<void>
}

export const DEMO_ISSUER = 'https://localhost:9443/oauth2/token'

/**
 * Starts a small OAuth 2 authorisation server: `/oauth2/jwks`, `/oauth2/token` (client credentials), `/oauth2/revoke`
 * (RFC 7009), `/oauth2/introspect` (RFC 7662), and the event hub's `/internal/data/v1/revokedjwt`.
 * A revocation is on disk before it is answered; with the same directory, tokens and revocations outlive a restart.
 */
export async function startTokenService(options: TokenServiceOptions): Promise<TokenService> {
  const { directory, clock = Date.now, issuer = DEMO_ISSUER } = options
  const log = (options.logging ?? silent)('DemoTokenService')
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const tls = await ensureSelfSigned(directory)
  const key = await loadSigningKey(join(directory, 'signing-key.json'), log)
  const revocations = await RevocationLog.open(join(directory, 'revoked-tokens.jsonl'), log, clock)
  const service: Endpoints = {
    client: options.client,
    admin: options.admin,
    key,
    tokens: new Tokens(issuer, key, clock),
    revocations,
    publish: options.publish ?? (() => undefined),
  }
  const answer = listener((request) => route(service, request), log)
  const server = createServer(
    { ...SERVER_LIMITS, handshakeTimeout: SERVER_LIMITS.headersTimeout, cert: tls.cert, key: tls.key },
    answer,
  )
  server.maxConnections = MAX_CONNECTIONS
  try {
    const port = await listen(server, options.port, 'token service')
    const close = async () => {
      await closeServer(server)
      await revocations.close()
    }
    return { port, url: `https://localhost:${port}`, issuer, caFile: tls.certFile, close }
  } catch (error) {
    await revocations.close()
    throw error
  }
}

async function route(service: Endpoints, request: IncomingMessage): Promise<Reply> {
  const path = request.url?.split('?', 1)[0] ?? ''
  const endpoint = ENDPOINTS[`${request.method} ${path}`]
  if (endpoint !== undefined) return endpoint(service, request)
  const allowed = Object.keys(ENDPOINTS)
    .filter((known) => known.endsWith(` ${path}`))
    .map((known) => known.split(' ', 1)[0])
  return allowed.length === 0
    ? { status: 404, body: { code: 404, message: 'Not Found' } }
    : { status: 405, headers: { allow: allowed.join(', ') }, body: { code: 405, message: 'Method Not Allowed' } }
}
