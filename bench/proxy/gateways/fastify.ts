/** `@fastify/http-proxy`, fast-jwt with its cache, and a Set of revoked tokens. */
import type { IncomingHttpHeaders, IncomingMessage, Server } from 'node:http'
import { createVerifier } from 'fast-jwt'
import { requireFrom } from '../nodes.js'
import { announce, bearerOf, forwardedHeaders, readInputs, settings } from './settings.js'

interface Fastify {
  register(plugin: unknown, options: unknown): void
  ready(): Promise<void>
  readonly server: Server
}
interface FastifyRequest {
  readonly raw: IncomingMessage
  readonly headers: IncomingHttpHeaders
}
interface FastifyReply {
  code(status: number): { send(body?: string): void }
}

const require = requireFrom(settings.packages)
const fastify = require('fastify') as (options: object) => Fastify
const { key, revoked } = readInputs()
const verify = createVerifier({
  key: key.export({ type: 'spki', format: 'pem' }).toString(),
  algorithms: ['RS256'],
  allowedIss: settings.issuer,
  cache: settings.cacheCapacity,
})

function isAllowed(request: FastifyRequest): boolean {
  const token = bearerOf(request)
  try {
    return token !== undefined && !revoked.has((verify(token) as { jti: string }).jti)
  } catch {
    return false
  }
}

const app = fastify({ logger: false })
app.register(require('@fastify/http-proxy'), {
  upstream: settings.upstream,
  preHandler(request: FastifyRequest, reply: FastifyReply, done: () => void) {
    if (!settings.authenticate || isAllowed(request)) done()
    else reply.code(401).send()
  },
  replyOptions: {
    rewriteRequestHeaders: ({ raw }: FastifyRequest, headers: IncomingHttpHeaders) => forwardedHeaders(raw, headers),
  },
})
await app.ready()
announce(app.server)
