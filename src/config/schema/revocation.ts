import { z } from 'zod'
import { bool, duration, key, optionalText, secret, someText, table, text, word } from './values.js'

/** `[tokenRevocationConfig]`: where revocations come from, and what the gateway does while it does not know them. */

/** WSO2's API Manager on the same machine, as its own default names it. */
const DEFAULT_PROVIDER_URL = "amqp://admin:admin@carbon/carbon?brokerlist='tcp://localhost:5672'"
/** WSO2's event hub on the same machine. */
export const DEFAULT_EVENT_HUB = 'https://localhost:9443/internal/data/v1'
/** Ten years: longer than any token lives. */
const LONGEST_RETENTION = 315_360_000_000

const realtime = table({
  enableRealtimeMessageRetrieval: key(bool.prefault(false), 'Whether revocations are received from a broker’s topic.'),
  jmsConnectionTopic: key(someText.prefault('tokenRevocation'), 'The topic.'),
  jmsConnectioninitialContextFactory: key(
    optionalText,
    'What WSO2 calls the JNDI factory. With the URL it tells the protocol: wso2mbInitialContextFactory is AMQP 0-9-1, org.apache.activemq.jndi.ActiveMQInitialContextFactory is OpenWire, org.apache.qpid.jms.jndi.JmsInitialContextFactory is AMQP 1.0. May be left out.',
  ),
  jmsConnectionProviderUrl: key(
    secret.prefault(DEFAULT_PROVIDER_URL),
    'The broker’s URL: amqp:// (AMQP 0-9-1), amqp10:// or amqp10s:// (AMQP 1.0), tcp://, ssl:// or failover:(...) (OpenWire).',
    { kind: 'secret' },
  ),
  jmsConnectionUsername: key(text.prefault(''), 'User name; when not empty it wins over the URL’s.'),
  jmsConnectionPassword: key(secret.prefault(''), 'Password.', { kind: 'secret' }),
  caFile: key(
    optionalText,
    'PEM file: certificates to trust, beside the system’s, when the broker is reached over TLS.',
    {
      kind: 'file',
    },
  ),
  certFile: key(optionalText, 'PEM file: the client certificate to present to the broker.', { kind: 'file' }),
  keyFile: key(optionalText, 'PEM file: the private key of certFile.', { kind: 'file' }),
  issuer: key(
    optionalText,
    'The `iss` of the tokens that the topic is about. Absent: a revocation counts for tokens of every issuer.',
  ),
  durableSubscription: key(
    bool.prefault(false),
    'AMQP 1.0 and OpenWire: whether the broker keeps messages for this gateway while it is away.',
  ),
}).prefault({})

/** One URL, or several with commas between. What is printed must not hold credentials. */
const endpoints = text
  .refine(
    (value) => !/\/\/[^/,]*@/.test(value),
    'must hold no user name or password: set username and password instead',
  )
  .transform((value) => (value === '' ? undefined : value))
  .optional()

const persistent = table({
  enablePersistentStorageRetrieval: key(bool.prefault(false), 'Whether revocations are read from a store.'),
  type: key(
    someText.prefault('default'),
    '"default": WSO2’s event hub; "etcd"; any other name: a custom store module.',
  ),
  endpointURL: key(
    endpoints,
    'The store’s URL. etcd: a path /v2/keys/<prefix>/ means its v2 API, /v3/keys/<prefix>/ or a bare host its v3 API; several servers are separated by commas. A user name or password in it is refused.',
  ),
  username: key(text.prefault(''), 'User name; empty: no authentication.'),
  password: key(secret.prefault(''), 'Password.', { kind: 'secret' }),
  issuer: key(
    optionalText,
    'The `iss` of the tokens that the store is about. Absent: a revocation counts for tokens of every issuer.',
  ),
  module: key(optionalText, 'The JavaScript file of a custom store; it exports createStore(options).', {
    kind: 'file',
  }),
  refreshInterval: key(
    duration(1_000).optional(),
    'How often the whole store is listed. Absent: "60s" for the event hub, "5m" otherwise.',
  ),
  serveWhileListing: key(
    bool.prefault(false),
    'Whether protected APIs are served from a fresh journal as soon as the gateway starts. Until the store has been read, tokens that were revoked while the gateway was down are accepted.',
  ),
  caFile: key(optionalText, 'PEM file: certificates to trust beside the system’s.', { kind: 'file' }),
  certFile: key(optionalText, 'PEM file: the client certificate to present to the store.', { kind: 'file' }),
  keyFile: key(optionalText, 'PEM file: the private key of certFile.', { kind: 'file' }),
  options: key(
    z.record(z.string(), z.unknown(), { error: 'must be a table' }).prefault({}),
    'Further keys for a custom store. They may also stand in [tokenRevocationConfig.persistent] itself.',
  ),
}).prefault({})

/** The id of one damaged journal, in hex. */
const damagedJournal = text
  .refine((value) => value === '' || /^[0-9a-f]{64}$/.test(value), 'must be the SHA-256 of a damaged journal, in hex')
  .transform((value) => (value === '' ? undefined : value))
  .optional()

const journal = table({
  enable: key(bool.prefault(true), 'Whether revocations are kept in a local file across restarts.'),
  path: key(someText.prefault('revocations.journal'), 'The file, below server.stateDirectory.'),
  maxAge: key(
    duration().prefault('24h'),
    'A journal younger than this makes the list known while no source is reachable.',
  ),
  acceptDamagedJournal: key(
    damagedJournal,
    'The SHA-256 of a damaged journal, from the log or /ready: its losses are accepted. Other damage must be accepted again.',
  ),
}).prefault({})

export const tokenRevocationConfig = table({
  failurePolicy: key(
    word(['closed', 'open']).prefault('closed'),
    'Until the revocations are known: "closed" answers protected APIs with 503, "open" lets requests pass, as WSO2 does.',
  ),
  startupGrace: key(
    duration().prefault('5s'),
    'How long the gateway waits for the sources before it relies on the journal alone.',
  ),
  maxStaleness: key(
    duration().prefault(0),
    'Protected APIs answer 503 again, and open requests end, when no store could be read for so long; 0: no limit.',
  ),
  retention: key(
    duration(60_000, LONGEST_RETENTION).prefault('30d'),
    'How long a revocation is kept whose token’s expiry is not known.',
  ),
  closeOpenRequests: key(bool.prefault(true), 'Whether a revocation ends the open requests of its token.'),
  realtime,
  persistent,
  journal,
}).prefault({})

/** `[apim.eventHub]`: WSO2's subscription data. */
export const apim = table({
  eventHub: table({
    enable: key(bool.prefault(false), 'Whether API and subscription data are retrieved from the API Manager.'),
    serviceUrl: key(text.prefault('https://localhost:9443'), 'The API Manager’s URL.'),
    internalDataContext: key(text.prefault('/internal/data/v1/'), 'The path of its internal data API.'),
    username: key(text.prefault(''), 'User name.'),
    password: key(secret.prefault(''), 'Password.', { kind: 'secret' }),
    eventListeningEndpoints: key(secret.prefault(DEFAULT_PROVIDER_URL), 'The broker’s URL.', { kind: 'secret' }),
  }).prefault({}),
}).prefault({})
