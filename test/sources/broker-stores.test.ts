import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { generate } from 'selfsigned'
import t, { type Test } from 'tap'
import { parseConfig } from '../../src/config/index.js'
import { expiringCertificates } from '../../src/gateway/expiring-certificates.js'
import { silent } from '../../src/logging/index.js'
import { openTopic } from '../../src/sources/index.js'
import { keytool, missing, opensslStore, PASSWORD } from '../certificates/stores.js'
import { startAmqp10Broker } from '../services/amqp10-broker.js'
import { rabbitmqMissing, startRabbitMQ } from '../services/rabbitmq.js'
import { run } from './realtime/recording-sink.js'

const configOf = (url: string, more = '') =>
  parseConfig(
    `[tokenRevocationConfig.realtime]
  enableRealtimeMessageRetrieval = true
  jmsConnectionTopic = "tokenRevocation"
  jmsConnectionProviderUrl = "${url}"
  jmsConnectionUsername = "admin"
  jmsConnectionPassword = "admin"
  ${more}`,
    '/c/micro-gw.conf',
    {},
  ).config

async function topicOf(t: Test, url: string, more = '') {
  const source = await openTopic(configOf(url, more), silent)
  if (source === undefined) throw new Error('no topic')
  return run(t, source)
}

const wso2 = (port: number, options: string) =>
  `amqp://admin:admin@carbon/carbon?brokerlist='tcp://localhost:${port}?ssl='true'${options}'`

t.test(
  "a PKCS12 trust store in WSO2's URL is whom the broker is trusted by; caFile wins over it",
  { skip: missing('keytool') || rabbitmqMissing() },
  async (t) => {
    const broker = await startRabbitMQ(t)
    const directory = t.testdir({ 'ca.pem': broker.ca })
    const path = (name: string) => join(directory, name)
    const imported = ['-importcert', '-noprompt', '-alias', 'broker', '-file', path('ca.pem')]
    await keytool(path('trust.p12'), ...imported, '-storetype', 'PKCS12')
    const store = (name: string) => `&trust_store='${path(name)}'&trust_store_password='${PASSWORD}'`
    await (await topicOf(t, wso2(broker.tlsPort, store('trust.p12')))).status('live')
    await (await topicOf(t, wso2(broker.tlsPort, store('none')), `caFile = "${path('ca.pem')}"`)).status('live')
    await (await topicOf(t, wso2(broker.tlsPort, ''))).status('failed')
  },
)

t.test('stores of AMQP 1.0 and OpenWire: whom to trust, and who we are', { skip: missing('openssl') }, async (t) => {
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }], {
    algorithm: 'sha256',
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] }],
  })
  const directory = t.testdir({ 'cert.pem': cert, 'both.pem': `${cert}\n${key}` })
  const path = (name: string) => join(directory, name)
  await opensslStore(path('client.p12'), path('both.pem'))
  const tls = { key, cert, ca: cert, requestCert: true, rejectUnauthorized: true }
  const broker = await startAmqp10Broker(t, { tls, users: { admin: 'admin' } })
  const url = `amqp10s://localhost:${broker.port}?transport.trustStoreLocation=${path('cert.pem')}`
  await (await topicOf(t, url)).status('failed')
  const p12 = `&transport.keyStoreLocation=${path('client.p12')}&transport.keyStorePassword=${PASSWORD}`
  await (await topicOf(t, url + p12)).status('live')
  await (await topicOf(t, `${url}&transport.keyStore=${path('both.pem')}`)).status('live')
})

t.test('a store that cannot be used is refused by its option, with a remedy and without its path', async (t) => {
  const directory = t.testdir({ 'no.pem': 'none', empty: '' })
  const path = (name: string) => join(directory, name)
  await writeFile(path('java.jks'), Buffer.from('feedfeed00000002', 'hex'))
  const cases: [options: string, message: RegExp][] = [
    [
      `trust_store='${path('java.jks')}'`,
      /option trust_store: .* \(JKS\); convert it: keytool -importkeystore .* PKCS12/,
    ],
    [`key_store='${path('java.jks')}'`, /option key_store: .* \(JKS\); convert it: keytool -importkeystore .* PKCS12/],
    [
      `trust_store='${path('no.pem')}'`,
      /option trust_store: the file that it names is neither a PKCS12 store nor a PEM/,
    ],
    [`key_store='${path('absent')}'`, /option key_store: the file that it names does not exist/],
  ]
  for (const [options, message] of cases) {
    const error = await openTopic(configOf(wso2(5671, `&${options}`)), silent).then(
      () => undefined,
      (reason: Error) => reason,
    )
    t.match(error?.message, message)
    t.match(error?.message, /^tokenRevocationConfig\.realtime\.jmsConnectionProviderUrl: /)
    t.notOk(error?.message.includes(directory), 'no path')
  }
})

t.test('certificates of these stores that have expired, or do within 30 days, are warned of', async (t) => {
  const now = Date.now() + 86_400_000
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'old' }], {
    notAfterDate: new Date(now + 10 * 86_400_000),
  })
  const directory = t.testdir({ 'both.pem': `${cert}\n${key}` })
  const [path, ca] = [join(directory, 'both.pem'), 'caFile = "ca.pem"']
  const url = wso2(5671, `&trust_store='${path}'&key_store='${path}'`)
  const warning = (option: string) => new RegExp(`jmsConnectionProviderUrl \\(${option}\\): .*old expires on`)
  t.match(await expiringCertificates(configOf(url), now), [warning('trust_store'), warning('key_store')])
  const warned = await expiringCertificates(configOf(url, ca), now)
  t.match(warned, [warning('key_store')], 'with caFile the trust store is not used')
  t.equal(warned.length, 1)
})
