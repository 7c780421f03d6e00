import { execFileSync, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rootCertificates } from 'node:tls'
import { generate } from 'selfsigned'
import t from 'tap'
import { Secret } from '../../../src/config/secret.js'
import { createLogging, silent } from '../../../src/logging/index.js'
import { readProvider } from '../../../src/sources/realtime/provider-url/read-provider.js'
import { providerTls } from '../../../src/sources/realtime/provider-url/tls.js'
import { type RealtimeOptions, realtimeSource } from '../../../src/sources/realtime/source.js'
import { startAmqp10Broker } from '../../services/amqp10-broker.js'
import { run } from './recording-sink.js'

/** It makes the PKCS12 file, which Node can't. */
const noOpenssl = spawnSync('openssl', ['version']).error === undefined ? false : 'not installed: openssl'
const provider = (url: string, factory = '') =>
  readProvider({ factory, url: new Secret(url), username: 'admin', password: new Secret('admin') })
const open = (url: string, options: Partial<RealtimeOptions> = {}, logging = silent) =>
  realtimeSource(provider(url), { topic: 'tokenRevocation', ...options }, logging)

t.test('the provider decides the protocol', async (t) => {
  t.equal(open("amqp://u:p@carbon/carbon?brokerlist='tcp://localhost:5672'").name, 'amqp-0-9-1')
  t.equal(open('amqp10://localhost').name, 'amqp-1-0')
  t.equal(open('tcp://localhost:61616').name, 'openwire')
})

t.test('a subscription is opened with the credentials and the topic, and says so in the log', async (t) => {
  const broker = await startAmqp10Broker(t, { users: { admin: 'admin' }, topicPrefix: 'topic://' })
  const lines: string[] = []
  const logging = createLogging({ level: 'info', format: 'text', stream: { write: (line) => lines.push(line) } })
  const sink = run(t, open(`amqp10://127.0.0.1:${broker.port}`, {}, logging))
  await sink.status('live')
  broker.publish('tokenRevocation', { body: { revokedToken: 'a' } })
  await sink.until(() => sink.ids.includes('a'))
  t.match(lines[0], /INFO .*\[TokenRevocationJMS\] \[-\] subscriber service for token revocation is started/)
})

t.test('a trust store of PEM is used, one of Java is refused with a remedy', async (t) => {
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }], {
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] }],
  })
  const directory = t.testdir({ 'ca.pem': cert, 'ca.jks': Buffer.from('feedfeed00000002', 'hex').toString('latin1') })
  const broker = await startAmqp10Broker(t, { tls: { key, cert }, users: { admin: 'admin' } })
  const url = `amqp10s://localhost:${broker.port}`
  const sink = run(t, open(`${url}?transport.trustStoreLocation=${join(directory, 'ca.pem')}`))
  await sink.status('live')
  for (const name of ['ca.jks', 'none.pem']) {
    const path = join(directory, name)
    t.throws(() => open(`${url}?transport.trustStoreLocation=${path}`), { code: 'ERR_PROVIDER_OPTION' }, name)
  }
  const given = run(t, open(`${url}?transport.trustStoreLocation=none.pem`, { tls: { ca: cert } }))
  await given.status('live')
})

t.test('authorities that are configured are trusted beside the public ones, as those of the URL are', async (t) => {
  const directory = t.testdir({ 'ca.pem': '-----BEGIN CERTIFICATE-----' })
  const url = `amqp10s://localhost?transport.trustStoreLocation=${join(directory, 'ca.pem')}`
  t.strictSame(providerTls(provider(url), {}).ca, [...rootCertificates, '-----BEGIN CERTIFICATE-----'])
  t.strictSame(providerTls(provider(url), { ca: ['own'] }).ca, [...rootCertificates, 'own'])
  t.strictSame(providerTls(provider(url), { ca: 'own' }).ca, [...rootCertificates, 'own'])
  t.notOk('ca' in providerTls(provider('amqp10s://localhost'), {}), 'whom Node trusts')
})

t.test('a client certificate in a PKCS12 file of the URL is presented', { skip: noOpenssl }, async (t) => {
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }], {
    algorithm: 'sha256',
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] }],
  })
  const directory = t.testdir({ 'key.pem': key, 'cert.pem': cert })
  const path = (name: string) => join(directory, name)
  const files = ['-inkey', path('key.pem'), '-in', path('cert.pem'), '-out', path('client.p12')]
  execFileSync('openssl', ['pkcs12', '-export', '-passout', 'pass:w0rd', ...files])
  writeFileSync(path('jks'), Buffer.from('feedfeed00000002', 'hex'))
  const tls = { key, cert, ca: cert, requestCert: true, rejectUnauthorized: true }
  const broker = await startAmqp10Broker(t, { tls, users: { admin: 'admin' } })
  const url = `amqp10s://localhost:${broker.port}?transport.trustStoreLocation=${path('cert.pem')}`
  const stranger = run(t, open(url))
  await stranger.status('failed')
  const store = `&transport.keyStoreLocation=${path('client.p12')}&transport.keyStorePassword=w0rd`
  const sink = run(t, open(url + store))
  await sink.status('live')
  t.throws(() => open(`${url}&transport.keyStoreLocation=${path('jks')}`), { code: 'ERR_PROVIDER_OPTION' })
})

t.test('what can not work is refused at once', async (t) => {
  t.throws(() => open('tcp://localhost', { durable: true }), /clientId/)
  t.throws(() => open('amqp10://localhost', { durable: true }), /clientId/)
  const different = "amqp://u:p@c/v?brokerlist='a?ssl='true'&trust_store='/a';b?ssl='true'&trust_store='/b''"
  t.throws(() => open(different), { code: 'ERR_PROVIDER_OPTION', message: /same for all brokers/ })
})

t.test('a certificate whose name is not verified is warned of', async (t) => {
  const lines: string[] = []
  const logging = createLogging({ level: 'warn', format: 'text', stream: { write: (line) => lines.push(line) } })
  open('ssl://localhost:61617', {}, logging)
  t.equal(lines.length, 0)
  open('ssl://localhost:61617?socket.verifyHostName=false', {}, logging)
  open('ssl://localhost:61617', { tls: { verifyHostname: false } }, logging)
  open('tcp://localhost:61616', { tls: { verifyHostname: false } }, logging)
  t.equal(lines.length, 2)
  for (const line of lines) t.match(line, /WARN .* broker host name is not verified/)
})

t.test('options without a meaning, and a durable subscription where there is none, are warned of', async (t) => {
  const lines: string[] = []
  const logging = createLogging({ level: 'warn', format: 'text', stream: { write: (line) => lines.push(line) } })
  open("amqp://u:p@c/v?brokerlist='h'&colour='blue'", { durable: true }, logging)
  t.equal(lines.length, 2)
  t.match(lines[0], /unknown options.*count=1/)
  t.match(lines[1], /durable/)
})
