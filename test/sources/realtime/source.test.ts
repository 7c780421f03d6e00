import { rootCertificates } from 'node:tls'
import t from 'tap'
import { Secret } from '../../../src/config/secret.js'
import { createLogging, silent } from '../../../src/logging/index.js'
import { readProvider } from '../../../src/sources/realtime/provider-url/read-provider.js'
import { providerTls, storesOf } from '../../../src/sources/realtime/provider-url/tls.js'
import { type RealtimeOptions, realtimeSource } from '../../../src/sources/realtime/source.js'
import { startAmqp10Broker } from '../../services/amqp10-broker.js'
import { run } from './recording-sink.js'

const provider = (url: string, factory = '') =>
  readProvider({ factory, url: new Secret(url), username: 'admin', password: new Secret('admin') })
const open = (url: string, options: Partial<RealtimeOptions> = {}, logging = silent) =>
  realtimeSource(provider(url), { topic: 'tokenRevocation', ...options }, logging)

t.test('the provider decides the protocol', async (t) => {
  t.equal((await open("amqp://u:p@carbon/carbon?brokerlist='tcp://localhost:5672'")).name, 'amqp-0-9-1')
  t.equal((await open('amqp10://localhost')).name, 'amqp-1-0')
  t.equal((await open('tcp://localhost:61616')).name, 'openwire')
})

t.test('a subscription is opened with the credentials and the topic, and says so in the log', async (t) => {
  const broker = await startAmqp10Broker(t, { users: { admin: 'admin' }, topicPrefix: 'topic://' })
  const lines: string[] = []
  const logging = createLogging({ level: 'info', format: 'text', stream: { write: (line) => lines.push(line) } })
  const sink = run(t, await open(`amqp10://127.0.0.1:${broker.port}`, {}, logging))
  await sink.status('live')
  broker.publish('tokenRevocation', { body: { revokedToken: 'a' } })
  await sink.until(() => sink.ids.includes('a'))
  t.match(lines[0], /INFO .*\[TokenRevocationJMS\] \[-\] subscriber service for token revocation is started/)
})

t.test('authorities that are given are trusted beside the public ones', async (t) => {
  const secure = provider('amqp10s://localhost')
  t.strictSame(providerTls(secure, { ca: ['own'] }).ca, [...rootCertificates, 'own'])
  t.strictSame(providerTls(secure, { ca: 'own' }).ca, [...rootCertificates, 'own'])
  t.notOk('ca' in providerTls(secure, {}), 'whom Node trusts')
})

t.test('what can not work is refused at once', async (t) => {
  await t.rejects(open('tcp://localhost', { durable: true }), /clientId/)
  await t.rejects(open('amqp10://localhost', { durable: true }), /clientId/)
  const different = "amqp://u:p@c/v?brokerlist='a?ssl='true'&trust_store='/a';b?ssl='true'&trust_store='/b''"
  t.throws(() => storesOf(provider(different)), { code: 'ERR_PROVIDER_OPTION', message: /same for all brokers/ })
})

t.test('a certificate whose name is not verified is warned of', async (t) => {
  const lines: string[] = []
  const logging = createLogging({ level: 'warn', format: 'text', stream: { write: (line) => lines.push(line) } })
  await open('ssl://localhost:61617', {}, logging)
  t.equal(lines.length, 0)
  await open('ssl://localhost:61617?socket.verifyHostName=false', {}, logging)
  await open('ssl://localhost:61617', { tls: { verifyHostname: false } }, logging)
  await open('tcp://localhost:61616', { tls: { verifyHostname: false } }, logging)
  t.equal(lines.length, 2)
  for (const line of lines) t.match(line, /WARN .* broker host name is not verified/)
})

t.test('options without a meaning, and a durable subscription where there is none, are warned of', async (t) => {
  const lines: string[] = []
  const logging = createLogging({ level: 'warn', format: 'text', stream: { write: (line) => lines.push(line) } })
  await open("amqp://u:p@c/v?brokerlist='h'&colour='blue'", { durable: true }, logging)
  t.equal(lines.length, 2)
  t.match(lines[0], /unknown options.*count=1/)
  t.match(lines[1], /durable/)
})
