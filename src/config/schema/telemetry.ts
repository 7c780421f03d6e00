import { bool, decimal, duration, key, optionalHttpUrl, optionalText, secret, someText, table, word } from './values.js'

/** What is told of requests: `[accessLog]`, `[auditLog]`, `[tracing]`, `[openTelemetry]`. */

export const accessLog = table({
  enable: key(bool.prefault(false), 'Whether a line is written for each request.'),
  format: key(
    word(['wso2', 'combined', 'json']).prefault('wso2'),
    '"wso2": as the access log of WSO2’s gateway; "combined": Apache’s and nginx’s combined format, which is the same and names the caller; "json": one object a line, with all that is known.',
  ),
  file: key(optionalText, 'The file that lines are appended to; empty: standard output.', { kind: 'path' }),
  caller: key(
    bool.prefault(false),
    'Whether lines of "combined" and "json" name the token’s subject, and "json" its client, too.',
  ),
}).prefault({})

export const auditLog = table({
  enable: key(
    bool.prefault(false),
    'Whether a line is written for each revocation that is learnt and each request that is refused, as JSON.',
  ),
  file: key(optionalText, 'The file that lines are appended to; empty: standard output.', { kind: 'path' }),
}).prefault({})

export const tracing = table({
  keepClientRequestId: key(
    bool.prefault(false),
    'Whether the X-Request-ID of any client is kept, and not only that of listenerConfig.trustedProxies. Otherwise the gateway makes one.',
  ),
  startTraces: key(
    bool.prefault(false),
    'Whether a request without a valid traceparent (W3C Trace Context) gets one. A valid one is always passed on.',
  ),
  sampleRatio: key(
    decimal(0, 1).prefault(1),
    'The share of the traces started here that are marked as sampled: services behind the gateway that follow their caller record those alone.',
  ),
}).prefault({})

export const openTelemetry = table({
  endpoint: key(
    optionalHttpUrl,
    'The base URL of an OpenTelemetry collector that takes OTLP over HTTP, as in "http://localhost:4318"; empty: nothing is sent.',
  ),
  authorization: key(
    secret.prefault(''),
    'The value of the Authorization header with which it is sent, as in "Bearer ..."; empty: none.',
    { kind: 'secret' },
  ),
  serviceName: key(someText.prefault('mgw'), 'The gateway’s service.name.'),
  traces: key(bool.prefault(true), 'Whether spans are sent: one of each request, and one of what went upstream.'),
  metrics: key(bool.prefault(true), 'Whether metrics are sent: those of /metrics, and http.server.request.duration.'),
  metricsInterval: key(duration(1_000).prefault('60s'), 'How often metrics are sent.'),
}).prefault({})
