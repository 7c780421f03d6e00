import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import type { Teardowns } from './teardowns.js'

/** An issuer of tokens with its key set, and the upstream that answers 200 to whatever reaches it. */
export interface Issuer {
  readonly origin: string
  /** A token that nobody has revoked, named by its jti. */
  token(): Promise<Token>
}

export interface Token {
  readonly jti: string
  readonly jwt: string
}

export async function startIssuer(t: Pick<Teardowns, 'teardown'>): Promise<Issuer> {
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const keys = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256' }] })
  const server = createServer({ keepAliveTimeout: 600_000 }, (req, res) => {
    req.resume()
    res.setHeader('content-type', 'application/json')
    res.end(req.url === '/jwks' ? keys : '{"ok":true}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    origin,
    async token() {
      const jti = randomUUID()
      const jwt = await new SignJWT({ sub: 'somebody' })
        .setProtectedHeader({ alg: 'ES256', kid: 'one' })
        .setIssuer(origin)
        .setJti(jti)
        .setIssuedAt()
        .setExpirationTime('1h')
        .sign(privateKey)
      return { jti, jwt }
    },
  }
}
