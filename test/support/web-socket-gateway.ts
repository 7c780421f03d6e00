import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import type { Test } from 'tap'
import { type WebSocket, WebSocketServer } from 'ws'
import { ensureSelfSigned } from '../../src/certificates/index.js'
import { type World, world } from './gateway.js'
import { httpServer, tcpServer } from './servers.js'
import { echo, webSocketServer } from './web-sockets.js'

/** A token, and what a revocation may name it by. */
export interface IssuedToken {
  readonly jwt: string
  readonly jti: string
}

/** A connection that reached an upstream. */
export interface Arrived {
  readonly socket: WebSocket
  readonly req: IncomingMessage
}

export interface WebSocketWorld extends World {
  /** Connections that reached an upstream, in their order. */
  readonly arrived: Arrived[]
  /** A token of somebody's, issued ten seconds ago. */
  tokenOf(subject: string): Promise<IssuedToken>
  /** A configuration whose API `/sockets/v1` has WebSockets; see {@link World.configFile}. */
  socketsConfig(more?: string, name?: string, workers?: number): string
  /** Resolves with the next connection that reaches an upstream. */
  arrival(): Promise<Arrived>
  /** Resolves when a request reaches the upstream of `/mute`, which never answers. */
  askedInVain(): Promise<void>
}

/** A world whose upstreams echo, over plain TCP and over TLS. */
export async function webSocketWorld(t: Test): Promise<WebSocketWorld> {
  const w = await world(t)
  const arrived: Arrived[] = []
  const waiting: ((arrival: Arrived) => void)[] = []
  const arrive = (socket: WebSocket, req: IncomingMessage) => {
    socket.on('error', () => undefined)
    echo(socket)
    arrived.push({ socket, req })
    waiting.shift()?.({ socket, req })
  }
  const { origin } = await webSocketServer(t, arrive)
  const secure = await secureServer(t, join(w.directory, 'hub'), arrive)
  const { issuer, tokenOf } = await startIssuer(t)
  let asked: () => void = () => undefined
  const { port: mute } = await tcpServer(t, (socket) => socket.once('data', () => asked()))
  const definition = openApi({ plain: origin, secure, http: w.upstream, mute: `ws://127.0.0.1:${mute}` })
  return {
    ...w,
    arrived,
    tokenOf,
    socketsConfig(more = '', name = 'gateway', workers = 1) {
      const ours = `[[jwtTokenConfig]]\n  issuer = "${issuer}"\n  jwksURL = "${issuer}/jwks"\n`
      const file = w.configFile(ours + more, {}, name, workers)
      writeFileSync(join(w.directory, name, 'api_definitions', 'sockets.yaml'), definition)
      return file
    },
    arrival: () => new Promise((resolve) => waiting.push(resolve)),
    askedInVain: () =>
      new Promise((resolve) => {
        asked = resolve
      }),
  }
}

/** `wss`, with the certificate that the world's gateways trust. */
async function secureServer(t: Test, directory: string, arrive: (socket: WebSocket, req: IncomingMessage) => void) {
  const { cert, key } = await ensureSelfSigned(directory)
  const https = createServer({ cert, key })
  const server = new WebSocketServer({ server: https })
  server.on('connection', arrive)
  https.listen(0, '127.0.0.1')
  await once(https, 'listening')
  t.teardown(() => {
    for (const socket of server.clients) socket.terminate()
    https.close()
  })
  return `wss://localhost:${(https.address() as AddressInfo).port}`
}

async function startIssuer(t: Test) {
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const keys = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256' }] })
  const { origin: issuer } = await httpServer(t, (_, res) => void res.end(keys))
  const issuedAt = Math.floor(Date.now() / 1000) - 10
  return {
    issuer,
    async tokenOf(subject: string): Promise<IssuedToken> {
      const jti = randomUUID()
      const jwt = await new SignJWT({ sub: subject, scope: 'default' })
        .setProtectedHeader({ alg: 'ES256', kid: 'one' })
        .setIssuer(issuer)
        .setJti(jti)
        .setIssuedAt(issuedAt)
        .setExpirationTime('1h')
        .sign(privateKey)
      return { jwt, jti }
    },
  }
}

/** A dead port stands first where endpoints fail over. */
function openApi({ plain, secure, http, mute }: Record<'plain' | 'secure' | 'http' | 'mute', string>): string {
  const responses = 'responses: { default: { description: any } }'
  const at = (...urls: string[]) => `x-wso2-production-endpoints: { urls: ${JSON.stringify(urls)}`
  return `openapi: 3.0.3
info: { title: Sockets, version: 1.0.0 }
x-wso2-basePath: /sockets/v1
${at(`${plain}/up`)} }
paths:
  /echo/{room}: { get: { ${responses} } }
  /open: { get: { x-wso2-disable-security: true, ${responses} } }
  /scoped:
    get: { security: [{ oauth: [special] }], ${responses} }
  /secure: { get: { ${at(`${secure}/tls`)} }, ${responses} } }
  /spare: { get: { ${at('ws://127.0.0.1:1', `${plain}/spare`)}, type: failover }, ${responses} } }
  /mute: { get: { ${at(mute)} }, ${responses} } }
  /dead: { get: { ${at('ws://127.0.0.1:1')} }, ${responses} } }
  /basic:
    get: { ${at(`${plain}/basic`)}, securityConfig: { type: basic, username: u, password: p } }, ${responses} }
  /plain: { get: { ${at(http)} }, ${responses} }, post: { ${at(http)} }, ${responses} } }
components:
  securitySchemes:
    oauth: { type: oauth2, flows: { clientCredentials: { tokenUrl: 'https://localhost/', scopes: { special: any } } } }
`
}
