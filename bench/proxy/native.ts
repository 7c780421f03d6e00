import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { fileURLToPath } from 'node:url'
import type { Contender, Demands } from './contenders.js'
import type { NodeVersion } from './nodes.js'
import { BOTH_CORES, freePort, GATEWAY_CORE, startListening, startReady } from './processes.js'
import { COLD_CACHE, ISSUER, type World } from './world.js'

/** nginx with `proxy_pass`: forwards, and knows nothing of tokens. */
export async function startNginx(world: World, { tls }: Demands): Promise<Contender> {
  const port = await freePort()
  const directory = mkdtempSync(join(world.directory, 'nginx-'))
  const at = (name: string) => join(directory, name)
  const listener = tls
    ? `listen 127.0.0.1:${port} ssl http2 backlog=4096; ssl_certificate ${world.certificate}; ssl_certificate_key ${world.key};`
    : `listen 127.0.0.1:${port} backlog=4096;`
  const config = `daemon off;
worker_processes 1;
pid ${at('pid')};
error_log ${at('error.log')} crit;
events { worker_connections 4096; }
http {
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path ${at('body')}; proxy_temp_path ${at('proxy')}; fastcgi_temp_path ${at('f')};
  uwsgi_temp_path ${at('u')}; scgi_temp_path ${at('s')};
  upstream api { server ${new URL(world.upstream).host}; keepalive 128; keepalive_requests 1000000000; }
  server {
    ${listener}
    location / {
      proxy_pass http://api;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Authorization "";
      proxy_set_header Proxy-Authorization "";
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $host;
      proxy_set_header Via "1.1 gateway";
    }
  }
}
`
  writeFileSync(at('nginx.conf'), config)
  const running = await startListening(GATEWAY_CORE, ['nginx', '-c', at('nginx.conf')], port)
  return { ...running, origin: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`, speaksH2: tls }
}

/** HAProxy: `jwt_verify`, and a deny list of jtis. It has no cache: each request's signature is verified. */
export async function startHaproxy(world: World, { authenticate, tls }: Demands): Promise<Contender> {
  const port = await freePort()
  const rules = `  http-request set-var(txn.bearer) http_auth_bearer
  http-request set-var(txn.alg) var(txn.bearer),jwt_header_query('$.alg')
  http-request deny deny_status 401 unless { var(txn.alg) -m str RS256 }
  http-request deny deny_status 401 unless { var(txn.bearer),jwt_verify(txn.alg,"${world.publicKey}") 1 }
  http-request deny deny_status 401 unless { var(txn.bearer),jwt_payload_query('$.iss') -m str ${ISSUER} }
  http-request set-var(txn.now) date
  http-request set-var(txn.left) var(txn.bearer),jwt_payload_query('$.exp','int'),sub(txn.now)
  http-request deny deny_status 401 if { var(txn.left) -m int lt 0 }
  http-request deny deny_status 401 if { var(txn.bearer),jwt_payload_query('$.jti') -m str -f ${world.revoked} }`
  const file = join(mkdtempSync(join(world.directory, 'haproxy-')), 'haproxy.cfg')
  const config = `global
  nbthread 1
  maxconn 8192
  ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout http-keep-alive 60s
frontend gateway
  bind 127.0.0.1:${port} backlog 4096${tls ? ` ssl crt ${world.certificateAndKey} alpn h2,http/1.1` : ''}
${authenticate ? rules : ''}
  http-request del-header authorization
  http-request del-header proxy-authorization
  option forwardfor
  http-request set-header X-Forwarded-Proto ${tls ? 'https' : 'http'}
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  http-request set-header Via "1.1 gateway"
  default_backend api
backend api
  http-reuse always
  server api ${new URL(world.upstream).host}
`
  writeFileSync(file, config)
  const running = await startListening(GATEWAY_CORE, ['haproxy', '-db', '-f', file], port)
  return { ...running, origin: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`, speaksH2: tls }
}

/** mgw as users run it, with a store that has the revoked jtis. */
export async function startMgw({ executable }: NodeVersion, world: World, demands: Demands): Promise<Contender> {
  const { workers, tls } = demands
  const command = [executable, 'bin/mgw.js', 'start', '-c', configure(world, demands)]
  const cores = workers === 1 ? GATEWAY_CORE : BOTH_CORES
  const ready =
    /gateway started http=(\d+) https=(\d+)[\s\S]*list is known|list is known[\s\S]*gateway started http=(\d+) https=(\d+)/
  const { match, ...running } = await startReady(cores, command, ready)
  const [http, https] = [match[1] ?? match[3], match[2] ?? match[4]]
  const speaksH2 = tls && (await negotiatesH2(Number(https)))
  return { ...running, origin: tls ? `https://127.0.0.1:${https}` : `http://127.0.0.1:${http}`, speaksH2 }
}

function configure(world: World, { workers, cold, revocationsPerSecond, sections = '' }: Demands): string {
  const directory = mkdtempSync(join(world.directory, 'mgw-'))
  mkdirSync(join(directory, 'api_definitions'))
  const any = '{ responses: { default: { description: any } } }'
  writeFileSync(
    join(directory, 'api_definitions/things.yaml'),
    `openapi: 3.0.3
info: { title: Things, version: 1.0.0 }
x-wso2-basePath: /things
x-wso2-production-endpoints: { urls: ["${world.upstream}/things"] }
paths:
  /small: { get: ${any} }
  /large: { get: ${any} }
  /post: { post: ${any} }
  /open: { get: { x-wso2-disable-security: true, responses: { default: { description: any } } } }
`,
  )
  const file = join(directory, 'micro-gw.conf')
  writeFileSync(
    file,
    `[server]
  workers = ${workers}
[listenerConfig]
  host = "127.0.0.1"
  httpPort = 0
  httpsPort = 0
  certFile = "${world.certificate}"
  keyFile = "${world.key}"
[admin]
  port = 0
[caching]
  tokenCacheCapacity = ${cold ? COLD_CACHE : 10_000}
[[jwtTokenConfig]]
  issuer = "${ISSUER}"
  certFile = "${world.publicKey}"
[tokenRevocationConfig.persistent]
  enablePersistentStorageRetrieval = true
  type = "comparison"
  module = "${fileURLToPath(new URL('gateways/store.js', import.meta.url))}"
  file = "${world.revoked}"
  perSecond = ${revocationsPerSecond}
${sections}
`,
  )
  return file
}

function negotiatesH2(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', ALPNProtocols: ['h2'], rejectUnauthorized: false }, () => {
      resolve(socket.alpnProtocol === 'h2')
      socket.destroy()
    })
    socket.once('error', (error) =>
      'code' in error && String(error.code).includes('ALERT') ? resolve(false) : reject(error),
    )
  })
}
