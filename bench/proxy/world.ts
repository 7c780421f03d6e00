import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SignJWT } from 'jose'
import { ensureSelfSigned } from '../../src/certificates/index.js'
import { freePort, OTHER_CORE, type Running, startListening } from './processes.js'

export const ISSUER = 'https://issuer.example'
/** Tokens in use, and those of which no cache may hold the next: a cache of {@link COLD_CACHE} is passed through in turn. */
const TOKENS = 1_000
const COLD_TOKENS = 3_000
export const COLD_CACHE = 1_000
export const REVOKED = 100_000
const SMALL = JSON.stringify({ pets: 'x'.repeat(289) })

/** What all gateways of a comparison stand between, and are configured with: files in one directory. */
export interface World {
  readonly directory: string
  /** nginx. */
  readonly upstream: string
  /** PEM of the issuer's key. */
  readonly publicKey: string
  /** One token a line. */
  readonly tokens: string
  readonly coldTokens: string
  /** One jti a line; {@link World.revokedToken}'s is among them. */
  readonly revoked: string
  readonly validToken: string
  readonly revokedToken: string
  /** PEM of a self-signed certificate for localhost, its key, and both in one file. */
  readonly certificate: string
  readonly key: string
  readonly certificateAndKey: string
  end(): Promise<void>
}

/** Issues the tokens, writes the files and starts the upstream. */
export async function createWorld(directory: string): Promise<World> {
  const at = (name: string) => join(directory, name)
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const sign = (jti: string) =>
    new SignJWT({ sub: `user-${jti}`, jti, scope: 'read write', client_id: 'app' })
      .setProtectedHeader({ alg: 'RS256', typ: 'at+jwt', kid: 'key-1' })
      .setIssuer(ISSUER)
      .setAudience('gateway')
      .setIssuedAt()
      .setExpirationTime('12h')
      .sign(privateKey)
  const issue = (count: number) => Promise.all(Array.from({ length: count }, () => sign(randomUUID())))
  const tokens = await issue(TOKENS)
  const revokedJtis = Array.from({ length: REVOKED }, () => randomUUID())
  const write = (name: string, content: string | readonly string[]) => {
    writeFileSync(at(name), typeof content === 'string' ? content : `${content.join('\n')}\n`)
    return at(name)
  }
  const { key, cert } = await ensureSelfSigned(at('certificate'))
  const { origin, running } = await startUpstream(directory)
  return {
    directory,
    upstream: origin,
    publicKey: write('issuer.pem', publicKey.export({ type: 'spki', format: 'pem' }).toString()),
    tokens: write('tokens', tokens),
    coldTokens: write('cold-tokens', await issue(COLD_TOKENS)),
    revoked: write('revoked', revokedJtis),
    validToken: tokens[0] ?? '',
    revokedToken: await sign(revokedJtis[REVOKED / 2] ?? ''),
    certificate: write('server.crt', cert),
    key: write('server.key', key),
    certificateAndKey: write('server.pem', [cert.trimEnd(), key]),
    end: () => running.end(),
  }
}

async function startUpstream(directory: string): Promise<{ origin: string; running: Running }> {
  const port = await freePort()
  const root = join(directory, 'upstream')
  mkdirSync(join(root, 'things'), { recursive: true })
  writeFileSync(join(root, 'things/large'), JSON.stringify({ pets: 'x'.repeat(100_000) }))
  const config = `daemon off;
worker_processes 1;
pid ${root}/pid;
error_log ${root}/error.log crit;
events { worker_connections 4096; }
http {
  access_log off;
  keepalive_requests 1000000000;
  default_type application/json;
  client_body_temp_path ${root}/body; proxy_temp_path ${root}/proxy; fastcgi_temp_path ${root}/f;
  uwsgi_temp_path ${root}/u; scgi_temp_path ${root}/s;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    root ${root};
    location /things/ { return 200 '${SMALL}'; }
    location = /things/large { try_files $uri =404; }
  }
}
`
  writeFileSync(join(root, 'nginx.conf'), config)
  const running = await startListening(OTHER_CORE, ['nginx', '-c', join(root, 'nginx.conf')], port)
  return { origin: `http://127.0.0.1:${port}`, running }
}
