import { bool, duration, int, key, optionalText, port, secret, table, text } from './values.js'

/** How upstreams are reached: `[httpClients]`. */
export const httpClients = table({
  verifyHostname: key(bool.prefault(true), 'Whether a server’s certificate must name the host that was asked for.'),
  disableSslVerification: key(bool.prefault(false), 'Whether any certificate is accepted. Never in production.'),
  connectTimeout: key(duration(1).prefault('10s'), 'Until a connection must be established.'),
  responseTimeout: key(
    duration(1).prefault('120s'),
    'Until the first byte of a response must be there, where the endpoints of an API have no timeoutInMillis.',
  ),
  idleTimeout: key(
    duration(1).prefault('120s'),
    'Between two parts of a response, where the endpoints of an API have no timeoutInMillis.',
  ),
  poolConfig: table({
    maxActiveConnections: key(int(-1).prefault(-1), 'Connections to one upstream at a time; -1 sets no limit.', {
      unit: 'connections',
    }),
    maxConnectionAge: key(
      duration(1).prefault('60s'),
      'For how long a connection takes requests. Then the next one looks the host’s name up again, and so follows a change of its addresses.',
    ),
  }).prefault({}),
  sslConfig: table({
    keyStorePath: key(optionalText, 'PKCS12 key store: the client certificate to present to upstreams.', {
      kind: 'file',
    }),
    keyStorePassword: key(secret.prefault(''), 'Its password.', { kind: 'secret' }),
    trustStorePath: key(
      optionalText,
      'Certificates that upstreams are trusted by, beside the system’s: a PEM file or a PKCS12 trust store. Absent: listenerConfig.trustStorePath.',
      { kind: 'file' },
    ),
    trustStorePassword: key(secret.prefault(''), 'Its password.', { kind: 'secret' }),
  }).prefault({}),
  proxy: table({
    enable: key(bool.prefault(false), 'Whether upstreams are reached through a proxy.'),
    enableInternalServices: key(bool.prefault(false), 'Whether key manager and stores are, too.'),
    host: key(text.prefault(''), 'The proxy’s host.'),
    port: key(port.prefault(0), 'The proxy’s port.'),
    username: key(text.prefault(''), 'User name at the proxy.'),
    password: key(secret.prefault(''), 'Password at the proxy.', { kind: 'secret' }),
  }).prefault({}),
}).prefault({})
