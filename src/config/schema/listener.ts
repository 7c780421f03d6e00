import { isIP } from 'node:net'
import { z } from 'zod'
import { bool, duration, headerName, host, int, key, optionalText, port, secret, table, text, word } from './values.js'

/** Whether it is an IP address, or a network in CIDR notation. */
function isNetwork(value: string): boolean {
  const [address = '', prefix, ...more] = value.split('/')
  const bits = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1
  if (bits < 0 || more.length > 0 || address.includes('%')) return false
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits)
}

/** Where requests arrive: `[listenerConfig]`, `[http2]`, `[mutualSSLConfig]`, `[authConfig]`, `[jwtConfig]`. */

export const listenerConfig = table({
  host: key(host.prefault('0.0.0.0'), 'The address that the listeners bind to.'),
  httpPort: key(port.prefault(9090), 'Port of the HTTP listener; 0 takes any free one.'),
  httpsPort: key(port.prefault(9095), 'Port of the HTTPS listener; 0 takes any free one.'),
  tokenListenerPort: key(
    port.prefault(9096),
    'Port of the HTTPS listener that has only the key manager’s endpoints (/token, /revoke, ...); 0 takes any free one.',
  ),
  certFile: key(
    optionalText,
    'PEM file: the certificate of the HTTPS listeners and its chain. Without certFile and keyStorePath, a self-signed certificate for localhost is made.',
    { kind: 'file' },
  ),
  keyFile: key(optionalText, 'PEM file: the private key of certFile.', { kind: 'file' }),
  keyStorePath: key(optionalText, 'PKCS12 key store of the HTTPS listeners, instead of certFile and keyFile.', {
    kind: 'file',
  }),
  keyStorePassword: key(secret.prefault(''), 'Password of keyStorePath, or of an encrypted keyFile.', {
    kind: 'secret',
  }),
  trustStorePath: key(
    optionalText,
    'Certificates that are trusted beside the system’s: a PEM file or a PKCS12 trust store.',
    { kind: 'file' },
  ),
  trustStorePassword: key(secret.prefault(''), 'Password of a PKCS12 trustStorePath.', { kind: 'secret' }),
  keepAlive: key(
    word(['AUTO', 'ALWAYS', 'NEVER']).prefault('AUTO'),
    'Whether HTTP/1.1 connections stay open: AUTO as the client asks, ALWAYS, or NEVER.',
  ),
  maxPipelinedRequests: key(
    int(1, 1_000).prefault(10),
    'Requests of one connection that are worked on at a time, where a client sends the next before the last is answered. 64 more may wait; a connection with more is closed.',
    { unit: 'requests' },
  ),
  maxUriLength: key(int(1, 65_536).prefault(4_096), 'A longer request target is answered with 414.', {
    unit: 'bytes',
  }),
  maxHeaderSize: key(int(1, 1_048_576).prefault(8_192), 'Larger request headers are answered with 431.', {
    unit: 'bytes',
  }),
  maxEntityBodySize: key(int(-1).prefault(-1), 'A larger request body is answered with 413; -1 sets no limit.', {
    unit: 'bytes',
  }),
  minBodyRate: key(
    int(0, 1_000_000).prefault(500),
    'A request body that comes more slowly, on average and beyond bodyGracePeriod, is answered with 408; 0 sets no limit. The time in which the upstream takes nothing does not count.',
    { unit: 'bytes per second' },
  ),
  bodyGracePeriod: key(
    duration(100, 3_600_000).prefault('20s'),
    'How long a request body may take beyond what minBodyRate allows.',
  ),
  requestTimeout: key(
    duration().prefault(0),
    'A request body that takes longer in all, at whatever rate, is answered with 408; 0 sets no limit.',
  ),
  minResponseRate: key(
    int(0, 1_000_000).prefault(500),
    'A client that takes what it is sent more slowly, beyond responseGracePeriod, is disconnected; over HTTP/2 its stream is reset. 0 sets no limit.',
    { unit: 'bytes per second' },
  ),
  responseGracePeriod: key(
    duration(100, 3_600_000).prefault('60s'),
    'How long a client may take for what it is sent beyond what minResponseRate allows.',
  ),
  maxConnections: key(
    z.union([z.literal('auto'), int(0)], { error: 'must be "auto" or a whole number of at least 0' }).prefault('auto'),
    'Connections of clients that a worker holds at a time; for one more an idle one is closed, or else that one. "auto": three quarters of the files that a process may open; 0 sets no limit.',
    { unit: 'connections' },
  ),
  maxConnectionsPerClient: key(
    int(0).prefault(0),
    'The same for one client: an IPv4 address, or the /64 network of an IPv6 address. 0 sets no limit. Those of trustedProxies are not limited.',
    { unit: 'connections' },
  ),
  trustedProxies: key(
    z
      .array(
        text.refine((value) => isNetwork(value), 'must be an IP address, or a network such as "10.0.0.0/8"'),
        { error: 'must be a list of IP addresses and networks' },
      )
      .max(256, 'must be at most 256 addresses and networks')
      .prefault([]),
    'Addresses and networks of proxies in front of the gateway. What they say of their client (X-Forwarded-For, Forwarded, X-Real-IP ...) is passed on; what anybody else says is dropped.',
  ),
  proxyProtocol: key(
    bool.prefault(false),
    'Whether each connection begins with a header of the PROXY protocol, version 1 or 2, which names the client. Only those from trustedProxies are accepted then.',
  ),
  forwardedHeaders: key(
    z
      .array(word(['X-Forwarded-For', 'X-Forwarded-Proto', 'X-Forwarded-Host', 'Forwarded', 'Via']), {
        error: 'must be a list of header names',
      })
      .prefault(['X-Forwarded-For', 'X-Forwarded-Proto', 'X-Forwarded-Host', 'Via']),
    'The headers in which upstreams are told of the client: of X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host, Forwarded and Via.',
  ),
  timeout: key(duration().prefault(120_000), 'A connection on which nothing happens for so long is closed; 0: never.'),
}).prefault({})

export const http2 = table({
  enable: key(
    bool.prefault(true),
    'Whether the HTTPS listeners offer HTTP/2 beside HTTP/1.1. Upstream connections use HTTP/1.1; WebSockets do, too.',
  ),
}).prefault({})

/** WSO2 writes them `"TLSv1.2,TLSv1.1"`. What is older than TLS 1.2 is left out, with a warning: nobody should speak it. */
const tlsVersions = text
  .refine(
    (value) => splitList(value).every((each) => /^(SSLv[23]|TLSv1(\.[0123])?)$/i.test(each)),
    'must be a list of TLS versions, as in "TLSv1.3,TLSv1.2"',
  )
  .transform((value) => (['TLSv1.2', 'TLSv1.3'] as const).filter((each) => splitList(value).includes(each)))
  .refine((value) => value.length > 0, 'must hold TLSv1.2 or TLSv1.3: older versions are not supported')

function splitList(value: string): string[] {
  return value.split(',').map((each) => each.trim())
}

export const mutualSSLConfig = table({
  protocolVersions: key(
    tlsVersions.prefault('TLSv1.3,TLSv1.2'),
    'TLS versions of the HTTPS listeners, separated by commas. Versions before TLSv1.2 are not supported.',
  ),
  sslVerifyClient: key(
    word(['optional', 'require']).prefault('optional'),
    'Whether a client must present a certificate that is trusted. "require" is refused: not supported yet.',
  ),
}).prefault({})

export const authConfig = table({
  authorizationHeader: key(headerName.prefault('Authorization'), 'The header that carries the access token.'),
  removeAuthHeaderFromOutMessage: key(
    bool.prefault(true),
    'Whether that header is removed before a request is forwarded.',
  ),
  strictSecurity: key(
    bool.prefault(false),
    'Whether an API definition with operations that only an API key, basic authentication or a client certificate opens is refused at start. Otherwise those operations are answered with 403, and the others are served.',
  ),
}).prefault({})

export const jwtConfig = table({
  header: key(
    headerName.prefault('X-JWT-Assertion'),
    'The header in which upstreams would believe a JWT made by the gateway. None is made; one that comes is taken out.',
  ),
}).prefault({})

/** `[server]`: the process itself, and what of WSO2's section of that name has a meaning here. */
export const server = table({
  workers: key(
    z
      .union([z.literal('auto'), int(1, 256)], { error: 'must be "auto" or a whole number from 1 to 256' })
      .prefault('auto'),
    'Worker processes; "auto" is one a core.',
    { unit: 'processes' },
  ),
  stateDirectory: key(
    text.min(1, 'must not be empty').prefault('data'),
    'Where the journal and a generated certificate are kept.',
    {
      kind: 'path',
    },
  ),
  stopTimeout: key(duration().prefault('30s'), 'How long open requests may go on after SIGTERM.'),
  maxEventLoopLag: key(
    duration(0, 60_000).prefault(0),
    'When a worker’s event loop lags behind by more, a part of its requests is answered with 503, until it lags by less than half of that. /health, /revoke and the admin listener go on. 0: never.',
  ),
  timestampSkew: key(duration(0, 3_600_000).prefault(5_000), 'How far the clocks of issuers and gateway may be apart.'),
  header: key(
    text.regex(/^[\x20-\x7e]*$/, 'must be printable ASCII').prefault('ballerina'),
    'The Server header of responses; empty: none.',
  ),
  headerConf: key(
    z
      .array(
        table({
          headerName: key(headerName, 'The header to preserve or to override.'),
          preserveHeader: key(bool.prefault(false), 'Whether the header passes as it came.'),
          overrideValue: key(text.prefault(''), 'The value it gets instead, where it is not preserved.'),
        }),
        { error: 'must be tables: [[server.headerConf]]' },
      )
      .max(256, 'must be at most 256 tables')
      .prefault([]),
    'Headers that are preserved or overridden.',
  ),
}).prefault({})
