import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { connect } from 'node:http2'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Test } from 'tap'
import type { Api } from '../../../src/apis/api.js'
import { RouteTable } from '../../../src/apis/routing/route-table.js'
import { CredentialAuthenticator } from '../../../src/auth/credential-authenticator.js'
import { createHttpClient } from '../../../src/http-client/index.js'
import { silent } from '../../../src/logging/index.js'
import { RequestMetrics } from '../../../src/metrics/index.js'
import { OpenRequests } from '../../../src/proxy/index.js'
import type { RevocationRecord } from '../../../src/revocation/record.js'
import { RevocationList } from '../../../src/revocation/revocation-list.js'
import { Http2Connections } from '../../../src/server/listeners/http2.js'
import { RequestHandler, type RequestHandlerOptions } from '../../../src/server/pipeline/request-handler.js'
import type { TokenIdentity } from '../../../src/token/identity.js'
import { authenticator, fingerprints, issuer } from '../../auth/tokens.js'
import { SILENT, UNTRACED } from '../../support/forwarding.js'
import { ask } from '../../support/http2-client.js'
import { httpServer } from '../../support/servers.js'

export type Protocol = 'HTTP/1.1' | 'HTTP/2'

/** A pipeline behind a plain listener, with a revocation list that the test fills. */
export interface Pipeline {
  readonly port: number
  /** The requests that reached the upstream: method, path, and the value of `authorization`. */
  readonly reached: string[]
  /** Whether the list is known. */
  isKnown: boolean
  /** Adds to the list, and ends open requests as a gateway does. */
  revoke(record: RevocationRecord): void
  /** The status of a GET, and the code in its body. */
  get(path: string, headers?: Record<string, string>): Promise<string>
}

/**
 * @param apisOf makes the APIs, for the upstream's origin
 * @param upstream what the upstream answers; 200 if not given
 * @param protocol what {@link Pipeline.get} speaks, without TLS
 */
export async function pipeline(
  t: Test,
  apisOf: (origin: string) => readonly Api[],
  upstream: RequestListener = (_, res) => res.end('{}'),
  more: Partial<RequestHandlerOptions> = {},
  protocol: Protocol = 'HTTP/1.1',
): Promise<Pipeline> {
  const reached: string[] = []
  const { origin } = await httpServer(t, (req, res) => {
    reached.push(`${req.method} ${req.url} ${req.headers.authorization}`)
    upstream(req, res)
  })
  const list = new RevocationList({ fingerprints, retention: 86_400_000 })
  const openRequests = new OpenRequests<TokenIdentity>(({ ids, folded, subjects, clients, sessions }) => [
    ...ids,
    ...folded,
    ...subjects,
    ...clients,
    ...sessions,
  ])
  list.onChange((entry) => {
    openRequests.end(entry, (identity) => list.find(identity) !== undefined, new Error('the token was revoked'))
  })
  const client = createHttpClient({ maxConnections: 1 })
  t.teardown(() => client.destroy())
  const state = { isKnown: true }
  const handler = new RequestHandler({
    routes: new RouteTable(apisOf(origin)),
    authenticator: new CredentialAuthenticator({
      jwt: authenticator([issuer()]),
      introspectFailedJwt: false,
      timestampSkew: 5_000,
      fingerprints,
    }),
    revocations: {
      get isKnown() {
        return state.isKnown
      },
      endedBefore: Number.NEGATIVE_INFINITY,
      find: (identity) => list.find(identity),
      refused: () => undefined,
    },
    openRequests,
    metrics: new RequestMetrics(),
    http: { client, maxBodyBytes: 1_000 },
    forwarding: SILENT,
    tracing: UNTRACED,
    webSocket: { tls: {}, connectTimeout: 5_000, answerTimeout: 5_000, idleTimeout: 0 },
    authorizationHeader: 'authorization',
    assertionHeader: 'x-jwt-assertion',
    removeAuthHeader: true,
    serverHeader: '',
    maxUriLength: 4_096,
    logging: silent,
    ...more,
  })
  const { port, get } = await (protocol === 'HTTP/2' ? overHttp2 : overHttp1)(t, handler)
  return {
    port,
    reached,
    get isKnown() {
      return state.isKnown
    },
    set isKnown(isKnown) {
      state.isKnown = isKnown
    },
    revoke: (record) => void list.add(record, 'test', Date.now()),
    async get(path, headers = {}) {
      const { status, body } = await get(path, headers)
      const code = /"(?:code|ERROR_CODE)":"?(\d+)/.exec(body)?.[1]
      return code === undefined || Number(code) === status ? String(status) : `${status} ${code}`
    },
  }
}

interface Listening {
  readonly port: number
  get(path: string, headers: Record<string, string>): Promise<{ readonly status: number; readonly body: string }>
}

async function overHttp1(t: Test, handler: RequestHandler): Promise<Listening> {
  const server = createServer(handler.listener('http'))
  server.on('upgrade', handler.upgradeListener('http'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return {
    port,
    async get(path, headers) {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, { headers })
      return { status: answer.status, body: await answer.text() }
    },
  }
}

async function overHttp2(t: Test, handler: RequestHandler): Promise<Listening> {
  const limits = { maxHeaderSize: 16_384, maxUriLength: 4_096, timeout: 0, idleTimeout: 60_000, keepAlive: true }
  const connections = new Http2Connections(limits, handler.streamListener('http'))
  const server = createTcpServer((socket) => connections.add(socket as TLSSocket)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const session = connect(`http://127.0.0.1:${port}`).on('error', () => undefined)
  t.teardown(() => {
    session.destroy()
    connections.destroy()
    server.close()
  })
  return { port, get: (path, headers) => ask(session, { ':path': path, ...headers }) }
}
