import { inspect } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import { Secret } from '../../../../src/config/secret.js'
import { ProviderUrlError } from '../../../../src/sources/realtime/provider-url/provider.js'
import { readProvider } from '../../../../src/sources/realtime/provider-url/read-provider.js'

const WSO2 = 'wso2mbInitialContextFactory'
const ACTIVEMQ = 'org.apache.activemq.jndi.ActiveMQInitialContextFactory'
const QPID_JMS = 'org.apache.qpid.jms.jndi.JmsInitialContextFactory'
const QPID = 'org.apache.qpid.jndi.PropertiesFileInitialContextFactory'

const read = (url: string, factory = '', username = '', password = '') =>
  readProvider({ factory, url: new Secret(url), username, password: new Secret(password) })

/** A provider as plain values, with its password shown and what is not said left out. */
function plain(url: string, factory?: string, username?: string, password?: string) {
  const { brokers, password: secret, unknownOptions, ...rest } = read(url, factory, username, password)
  const flat = {
    ...rest,
    password: secret.reveal(),
    ...(unknownOptions === 0 ? {} : { unknownOptions }),
    brokers: brokers.map(({ host, port, tls }) => `${tls ? 'tls ' : ''}${host} ${port}`),
  }
  return Object.fromEntries(Object.entries(flat).filter(([, value]) => value !== undefined))
}

const amqp091 = { protocol: 'amqp-0-9-1', vhost: 'carbon', clientId: 'carbon', username: 'admin', password: 'admin' }

t.test("the seed's two configurations mean what they should", async (t) => {
  const first = "amqp://admin:admin@carbon/carbon?brokerlist='tcp://localhost:5672'"
  t.same(plain(first, WSO2, 'admin', 'admin'), { ...amqp091, brokers: ['localhost 5672'] })
  t.same(plain('tcp://localhost:61616', ACTIVEMQ, 'admin', 'admin'), {
    protocol: 'openwire',
    username: 'admin',
    password: 'admin',
    brokers: ['localhost 61616'],
  })
})

t.test('each way to write a provider is understood', async (t) => {
  const cases: [url: string, factory: string, provider: object][] = [
    ["amqp://admin:admin@carbon/carbon?brokerlist='tcp://h'", '', { ...amqp091, brokers: ['h 5672'] }],
    ["amqp://admin:admin@carbon/carbon?brokerlist='h:1'", 'bmbInitialContextFactory', { ...amqp091, brokers: ['h 1'] }],
    ["amqp://admin:admin@carbon//carbon?brokerlist='h'", QPID, { ...amqp091, brokers: ['h 5672'] }],
    ["amqp://admin:admin@/carbon?brokerlist='h'", WSO2, { brokers: ['h 5672'] }],
    [
      "amqp://admin:admin@carbon/carbon?failover='roundrobin?cyclecount='2''&brokerlist='tcp://a:1?retries='5'&connectdelay='50';tcp://b:2?ssl='true'&ssl_verify_hostname='false';[::1]:3'",
      WSO2,
      { ...amqp091, brokers: ['a 1', 'tls b 2', '::1 3'] },
    ],
    ["amqp://admin:admin@carbon/carbon?brokerlist='tcp://h?ssl='true''", WSO2, { brokers: ['tls h 8672'] }],
    [
      "amqp://admin:admin@carbon/carbon?maxprefetch='1',brokerlist='tcp://h?retries='1',ssl='true'',failover='single'",
      WSO2,
      { ...amqp091, brokers: ['tls h 8672'] },
    ],
    [
      "amqp://admin:admin@carbon/carbon?brokerlist='h'&defaultTopicExchange='topic://my.topic//'",
      WSO2,
      { topicExchange: 'my.topic' },
    ],
    ["amqp://ad%40min:p%25%27w@carbon/carbon?brokerlist='h'", WSO2, { username: 'ad@min', password: "p%'w" }],
    ["amqp://admin:p%w@x@carbon/carbon?brokerlist='h'", WSO2, { password: 'p%w@x' }],
    ["amqp://u:p@host:5672?retries='10'&connectdelay='30'", WSO2, { vhost: '/', brokers: ['host 5672'] }],
    ['amqp://u:p@host:5673/carbon', '', { protocol: 'amqp-0-9-1', vhost: 'carbon', brokers: ['host 5673'] }],
    ['amqps://u:p@[2001:db8::1]', '', { protocol: 'amqp-0-9-1', brokers: ['tls 2001:db8::1 5671'] }],
    ['amqp://u:p@host:5672', QPID_JMS, { protocol: 'amqp-1-0', username: 'u', password: 'p', brokers: ['host 5672'] }],
    ['amqps://host', QPID_JMS, { protocol: 'amqp-1-0', brokers: ['tls host 5671'] }],
    ['amqp10://host', '', { protocol: 'amqp-1-0', username: '', brokers: ['host 5672'] }],
    ['amqp10s://host:1/', '', { protocol: 'amqp-1-0', brokers: ['tls host 1'] }],
    [
      'amqp://host?jms.username=u&jms.password=p%26w&jms.clientID=c&amqp.idleTimeout=1',
      QPID_JMS,
      { username: 'u', password: 'p&w', clientId: 'c' },
    ],
    ['failover:(amqp://a,amqps://b)', QPID_JMS, { protocol: 'amqp-1-0', brokers: ['a 5672', 'tls b 5671'] }],
    ['tcp://h', '', { protocol: 'openwire', brokers: ['h 61616'] }],
    ['nio+ssl://h?socket.verifyHostName=false', '', { protocol: 'openwire', brokers: ['tls h 61617'] }],
    [
      'failover:(tcp://a:61616,ssl://b:61618?wireFormat.maxInactivityDuration=1000)?randomize=false',
      ACTIVEMQ,
      { protocol: 'openwire', brokers: ['a 61616', 'tls b 61618'] },
    ],
    ['failover://(tcp://a,tcp://b)', '', { brokers: ['a 61616', 'b 61616'] }],
    ['failover:tcp://a,tcp://b', '', { brokers: ['a 61616', 'b 61616'] }],
    ['  tcp://h  ', '', { brokers: ['h 61616'] }],
    ['tcp://h?colour=blue', '', { unknownOptions: 1 }],
    ["amqp://u:p@c/v?brokerlist='tcp://h?a='1'&heartbeat='5''&b='2'", WSO2, { unknownOptions: 2 }],
  ]
  for (const [url, factory, provider] of cases) t.match(plain(url, factory), provider, url)
})

t.test("a broker's options are read in either client's spelling", async (t) => {
  const [qpid] = read(
    "amqp://u:p@c/v?brokerlist='tcp://h?ssl='true'&heartbeat='7'&ssl_verify_hostname='false'&trust_store='/t.jks'&trust_store_password='x;y&z'&key_store='/k.p12'&key_store_password='w''",
    WSO2,
  ).brokers
  t.match(qpid, { tls: true, heartbeat: 7, verifyHostname: false, trustStore: { path: '/t.jks' } })
  t.equal(qpid?.keyStore?.password.reveal(), 'w')
  t.equal(qpid?.trustStore?.password.reveal(), 'x;y&z')
  const [jms] = read('amqp10s://h?transport.verifyHost=false&transport.trustStoreLocation=/t.p12').brokers
  t.match(jms, { verifyHostname: false, heartbeat: undefined, trustStore: { path: '/t.p12' }, keyStore: undefined })
  t.equal(read("amqp://u:p@c/v?brokerlist='h?heartbeat='0''", WSO2).brokers[0]?.heartbeat, undefined)
})

t.test("credentials beside the URL win over the URL's, unless they are empty", async (t) => {
  const url = "amqp://u:p@c/v?brokerlist='h'"
  t.match(plain(url, WSO2, 'user', 'word'), { username: 'user', password: 'word' })
  t.match(plain(url, WSO2, '', 'word'), { username: 'u', password: 'word' })
  t.match(plain(url, WSO2), { username: 'u', password: 'p' })
  t.match(plain("amqp://c/v?brokerlist='h'", WSO2, 'user', 'word'), { username: 'user' })
})

t.test('each mistake has its code and names its place', async (t) => {
  const cases: [url: string, factory: string, code: string, message: RegExp][] = [
    ['', '', 'EMPTY', /empty/],
    [`tcp://${'h'.repeat(20_000)}`, '', 'TOO_LONG', /long/],
    ['localhost:61616', '', 'SCHEME', /scheme/],
    ['http://localhost', '', 'SCHEME', /scheme/],
    ['failover:(tcp://a,amqp10://b)', '', 'SCHEME', /broker 2/],
    ['failover:(tcp://a,vm://b)', '', 'SCHEME', /broker 2/],
    ['tcp://h', 'com.example.Factory', 'FACTORY', /factory/],
    ['tcp://h', WSO2, 'CONTRADICTION', /AMQP 0-9-1.*OpenWire/],
    ["amqp://u:p@c/v?brokerlist='h'", ACTIVEMQ, 'CONTRADICTION', /OpenWire.*AMQP 0-9-1/],
    ["amqp://u:p@c/v?brokerlist='h'", QPID_JMS, 'CONTRADICTION', /AMQP 1.0/],
    ['amqp10://h', WSO2, 'CONTRADICTION', /AMQP 1.0/],
    ['failover:(amqp://h)', WSO2, 'CONTRADICTION', /AMQP 1.0/],
    ["amqp://c/v?brokerlist='h'", WSO2, 'USER_INFO', /user information/],
    ['tcp://h/path', '', 'PATH', /path/],
    ["amqp://u:p@c?brokerlist='h'", WSO2, 'VHOST', /virtual host/],
    ["amqp://u:p@c/?brokerlist='h'", WSO2, 'VHOST', /virtual host/],
    ["amqp://u:p@c/v?brokerlist=''", WSO2, 'BROKER_LIST', /brokerlist/],
    ["amqp://u:p@c/v?brokerlist='a;vm://b'", WSO2, 'BROKER_LIST', /broker 2/],
    ["amqp://u:p@c/v?brokerlist='u:p@b'", WSO2, 'BROKER_LIST', /broker 1/],
    ['failover:(tcp://a', '', 'BROKER_LIST', /brackets/],
    ['failover:(tcp://a,,tcp://b)', '', 'BROKER_LIST', /commas/],
    ["amqp://u:p@c/v?brokerlist='a;-b'", WSO2, 'HOST', /broker 2/],
    ['tcp://::1', '', 'HOST', /brackets/],
    ['tcp://[::g]', '', 'HOST', /host/],
    ['tcp://:61616', '', 'HOST', /host/],
    ['tcp://h:0', '', 'PORT', /port/],
    ['tcp://h:65536', '', 'PORT', /port/],
    ['tcp://h:x', '', 'PORT', /port/],
    ["amqp://u:p@c/v?brokerlist='h", WSO2, 'OPTION', /option 1 has a quote/],
    ["amqp://u:p@c/v?x='1'brokerlist='h'", WSO2, 'OPTION', /option 1/],
    ["amqp://u:p@c/v?brokerlist='h'&y", WSO2, 'OPTION', /option 2 has no value/],
    ["amqp://u:p@c/v?brokerlist='h?ssl='maybe''", WSO2, 'OPTION', /broker 1: option ssl: expected true/],
    ["amqp://u:p@c/v?brokerlist='h?heartbeat='x''", WSO2, 'OPTION', /heartbeat/],
    ['tcp://h?x', '', 'OPTION', /option 1/],
  ]
  for (const [url, factory, code, message] of cases) {
    t.throws(
      () => read(url, factory),
      { name: 'ProviderUrlError', code: `ERR_PROVIDER_${code}`, message },
      url.slice(0, 80),
    )
  }
})

const word = fc.stringMatching(/^[a-z0-9]{1,12}$/)
const broker = fc.record({
  host: fc.oneof(word, fc.constant('[::1]'), fc.ipV4()),
  port: fc.integer({ min: 1, max: 65_535 }),
  tls: fc.boolean(),
})
/** Whatever may stand in a quoted value of a broker: no quotes, and no separator in front. */
const storeWord = fc.string({ maxLength: 12 }).map((text) => `w${text.replaceAll("'", '')}`)

t.test('a URL that is put together from its parts comes apart into them', async () => {
  const brokers = fc.array(broker, { minLength: 1, maxLength: 4 })
  fc.assert(
    fc.property(word, fc.string({ unit: 'grapheme' }), word, brokers, storeWord, (user, secret, vhost, list, store) => {
      const entries = list.map(
        ({ host, port, tls }) =>
          `tcp://${host}:${port}?retries='5'&ssl='${tls}'&key_store='/k'&key_store_password='${store}'`,
      )
      const password = encodeURIComponent(secret)
      const provider = read(
        `amqp://${user}:${password}@c/${vhost}?failover='roundrobin?cyclecount='2''&brokerlist='${entries.join(';')}'`,
      )
      if (provider.username !== user || provider.password.reveal() !== secret || provider.vhost !== vhost) return false
      const same = provider.brokers.map(({ host, port, tls }) => `${host} ${port} ${tls}`).join()
      const stores = provider.brokers.every(({ keyStore }) => keyStore?.password.reveal() === store)
      return stores && same === list.map(({ host, port, tls }) => `${host.replace(/[[\]]/g, '')} ${port} ${tls}`).join()
    }),
  )
  fc.assert(
    fc.property(fc.array(broker, { minLength: 1, maxLength: 4 }), (list) => {
      const uris = list.map(({ host, port, tls }) => `${tls ? 'ssl' : 'tcp'}://${host}:${port}`)
      const provider = read(`failover:(${uris.join(',')})?randomize=false`)
      return provider.brokers.every(({ port, tls }, i) => port === list[i]?.port && tls === list[i]?.tls)
    }),
  )
})

t.test('any URL gives a provider or a ProviderUrlError, and an error shows no secret', async (t) => {
  const secret = 'S3cr3tW0rd'
  const whole = [
    `amqp://admin:${secret}@carbon/carbon?brokerlist='tcp://localhost:5672?key_store_password='${secret}''`,
    `tcp://h?jms.password=${secret}`,
    `failover:(ssl://u:${secret}@a,tcp://b)?randomize=false`,
  ]
  for (const url of whole) t.notMatch(inspect(read(url), { depth: 9 }) + JSON.stringify(read(url)), /S3cr3t/)
  const cut = fc
    .tuple(
      fc.constantFrom(...whole),
      fc.nat(),
      fc.nat(3),
      fc.constantFrom("'", '&', '?', ';', '/', '@', ':', '=', '(', ''),
    )
    .map(([url, at, length, piece]) => {
      const start = at % (url.length + 1)
      return url.slice(0, start) + piece + url.slice(start + length)
    })
  const grammar = fc
    .array(
      fc.constantFrom(
        'amqp',
        'tcp',
        '://',
        "'",
        '&',
        ',',
        ';',
        '=',
        'brokerlist',
        '@',
        ':',
        '/',
        '?',
        'a',
        '1',
        'failover:(',
        ')',
      ),
    )
    .map((parts) => parts.join(''))
  fc.assert(
    fc.property(fc.oneof(cut, grammar, fc.string()), fc.constantFrom('', WSO2, ACTIVEMQ), (url, factory) => {
      try {
        read(url, factory)
        return true
      } catch (error) {
        if (!(error instanceof ProviderUrlError)) throw error
        return !/S3c|cr3|tW0|rd'/.test(error.message + error.code)
      }
    }),
    { numRuns: 3000 },
  )
})
