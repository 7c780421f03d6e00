import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { WebSocketServer } from 'ws'
import type { Teardowns } from './teardowns.js'

export interface Token {
  readonly jti: string
  readonly jwt: string
}

/**
 * All that stands behind the gateways: an issuer of tokens with its key set, its revocation endpoint, which takes any
 * token, and an upstream that answers 200 to whatever reaches it, with streams and WebSockets that never end.
 */
export interface Upstream {
  readonly origin: string
  /** A token that nobody has revoked, named by its jti. */
  token(): Promise<Token>
}

/** Between two pieces of a stream, ms. */
const BEAT = 150
/** How long the key manager thinks, ms: others may die meanwhile. */
const KEY_MANAGER_THINKS = 30
/** A gateway whose clock is 40 days ahead finds them valid still. */
const LIFETIME = '400d'

export async function startUpstream(t: Pick<Teardowns, 'teardown'>): Promise<Upstream> {
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const keys = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256' }] })
  const beats = new Beats()
  const server = createServer({ keepAliveTimeout: 600_000 }, (req, res) => void answer(req, res, keys, beats))
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', (socket) => {
    socket.on('error', () => undefined)
    const end = beats.each((text) => socket.send(text))
    socket.on('close', end)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    beats.stop()
    for (const socket of sockets.clients) socket.terminate()
    server.closeAllConnections()
    server.close()
  })
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    origin,
    async token() {
      const jti = randomUUID()
      const jwt = await new SignJWT({ sub: 'somebody', device: jti })
        .setProtectedHeader({ alg: 'ES256', kid: 'one' })
        .setIssuer(origin)
        .setJti(jti)
        .setIssuedAt()
        .setExpirationTime(LIFETIME)
        .sign(privateKey)
      return { jti, jwt }
    },
  }
}

async function answer(req: IncomingMessage, res: ServerResponse, keys: string, beats: Beats): Promise<void> {
  req.resume()
  if (req.url?.endsWith('/stream') === true) {
    res.writeHead(200, { 'content-type': 'text/event-stream' })
    res.on(
      'close',
      beats.each((text) => res.write(`${text}\n\n`)),
    )
    return
  }
  if (req.url === '/oauth2/revoke') {
    await setTimeout(KEY_MANAGER_THINKS)
    res.writeHead(200).end()
    return
  }
  res.setHeader('content-type', 'application/json')
  res.end(req.url === '/jwks' ? keys : '{"ok":true}')
}

/** Writes the time to whoever listens, again and again. */
class Beats {
  readonly #listeners = new Set<(text: string) => void>()
  readonly #timer = setInterval(() => {
    const text = `data: ${Math.round(performance.now())};`
    for (const listener of this.#listeners) listener(text)
  }, BEAT)

  /** Returns what ends it. */
  each(listener: (text: string) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
