import { bool, decimal, duration, int, key, optionalText, port, secret, statusCodes, table, text } from './values.js'

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
  retryBudget: key(
    int(0, 100).prefault(20),
    'How many of the last requests may be sent once more after they had been sent; ten in any case. 0: none.',
    { unit: 'percent' },
  ),
  endpointHealth: table({
    maxFailures: key(
      int(0, 1_000).prefault(5),
      'Failures in a row after which an endpoint is passed over, if it has others beside it; 0: never.',
      { unit: 'requests' },
    ),
    ejectionTime: key(
      duration(1).prefault('1s'),
      'For how long. Then one request tries it; the time doubles whenever that fails, too.',
    ),
    maxEjectionTime: key(duration(1).prefault('60s'), 'The longest such time.'),
    statusCodes: key(
      statusCodes,
      'Answers that are failures, as [502, 503, 504]; beside connections that fail and time-outs.',
    ),
  }).prefault({}),
  retryConfig: table({
    count: key(int(0, 100).prefault(0), 'How often a request that failed is sent once more.'),
    intervalInMillis: key(duration().prefault(0), 'Before the same endpoint is tried again.'),
    backOffFactor: key(decimal(0, 100).prefault(1), 'What the interval is multiplied by each time.'),
    maxWaitIntervalInMillis: key(duration().prefault('60s'), 'The longest interval.'),
    statusCodes: key(
      statusCodes,
      'Answers that are failures; with 504 a request that timed out is sent once more, too.',
    ),
  }).optional(),
  circuitBreaker: table({
    failureThreshold: key(decimal(0, 1).prefault(0.5), 'The share of failures above which an endpoint is not called.'),
    resetTimeInMillis: key(duration().prefault('10s'), 'For how long. Then one request tries it.'),
    statusCodes: key(statusCodes, 'Answers that are failures, beside connections that fail and time-outs.'),
    rollingWindow: table({
      requestVolumeThreshold: key(int(1, 1_000_000).prefault(10), 'Requests from which on failures count.'),
      timeWindowInMillis: key(duration(1).prefault('60s'), 'The time that is looked at.'),
      bucketSizeInMillis: key(duration(1).prefault('10s'), 'By which it moves on.'),
    }).prefault({}),
  }).optional(),
  poolConfig: table({
    maxActiveConnections: key(
      int(-1).prefault(-1),
      'Connections to one upstream at a time; at most 1,000 requests a worker wait for one, further ones get 502. -1 sets no limit.',
      {
        unit: 'connections',
      },
    ),
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
    enable: key(bool.prefault(false), 'Whether upstreams are reached through a proxy. true is refused: not supported.'),
    enableInternalServices: key(bool.prefault(false), 'Whether key manager and stores are, too. No effect.'),
    host: key(text.prefault(''), 'The proxy’s host. No effect.'),
    port: key(port.prefault(0), 'The proxy’s port. No effect.'),
    username: key(text.prefault(''), 'User name at the proxy. No effect.'),
    password: key(secret.prefault(''), 'Password at the proxy. No effect.', { kind: 'secret' }),
  }).prefault({}),
}).prefault({})
