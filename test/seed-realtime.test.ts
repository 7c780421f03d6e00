// The two [tokenRevocationConfig.realtime] blocks that WSO2 documents, unedited where their ports are free, against real brokers.
import { connect } from 'amqplib'
import t, { type Test } from 'tap'
import { activemqMissing, Publisher, startActiveMQ } from './services/activemq.js'
import { isFree } from './services/free-port.js'
import { rabbitmqMissing, startRabbitMQ } from './services/rabbitmq.js'
import { jtiOf, type RunningGateway, startGateway, world } from './support/gateway.js'

const API_MANAGER = `enableRealtimeMessageRetrieval = true
jmsConnectionTopic = "tokenRevocation"
jmsConnectioninitialContextFactory = "wso2mbInitialContextFactory"
jmsConnectionProviderUrl= "amqp://admin:admin@carbon/carbon?brokerlist='tcp://localhost:5672'"
jmsConnectionUsername = "admin"
jmsConnectionPassword = "admin"`

const ACTIVEMQ = `enableRealtimeMessageRetrieval = true
jmsConnectionTopic = "tokenRevocation"
jmsConnectioninitialContextFactory = "org.apache.activemq.jndi.ActiveMQInitialContextFactory"
jmsConnectionProviderUrl= "tcp://localhost:61616"
jmsConnectionUsername = "admin"
jmsConnectionPassword = "admin"`

const REST_FORM = 'text' // what ActiveMQ's REST interface makes of `-d 'revokedToken=...'`: no text, one property

t.test('WSO2 API Manager: AMQP 0-9-1', { skip: rabbitmqMissing() }, async (t) => {
  const broker = await startRabbitMQ(t, await unlessTaken(t, 5672))
  const connection = await connect(`amqp://admin:admin@127.0.0.1:${broker.port}/carbon`)
  t.teardown(() => connection.close())
  const channel = await connection.createConfirmChannel()
  await scenario(t, API_MANAGER.replace('5672', String(broker.port)), async (id) => {
    channel.publish('amq.topic', 'tokenRevocation', legacyMap({ revokedToken: id, ttl: '3600' }), {
      contentType: 'jms/map-message',
    })
    await channel.waitForConfirms()
  })
})

t.test('Apache ActiveMQ: OpenWire', { skip: activemqMissing() }, async (t) => {
  const broker = await startActiveMQ(t, await unlessTaken(t, 61616))
  const publisher = await Publisher.start(t)
  await scenario(t, ACTIVEMQ.replace('61616', String(broker.port)), (id) =>
    publisher.publish(broker.port, REST_FORM, 'tokenRevocation', [''], [`revokedToken=s:${id}`]),
  )
})

/** The port that the block names; `undefined`, and a comment, if somebody has it: the block's port is then edited. */
async function unlessTaken(t: Test, port: number): Promise<number | undefined> {
  if (await isFree(port)) return port
  t.comment(`port ${port} is taken: another is used`)
  return undefined
}

/** Publish, then ask: by jti, by the whole token; another token goes on working; two gateways at once. */
async function scenario(t: Test, realtime: string, publish: (id: string) => Promise<void>): Promise<void> {
  const w = await world(t)
  const configFile = w.configFile('', { realtime })
  const gateways = [await startGateway(t, configFile), await startGateway(t, w.configFile('', { realtime }, 'second'))]
  for (const gateway of gateways) await gateway.process.printed(/subscriber service for token revocation is started/)
  for (const gateway of gateways) await gateway.known()
  const [byJti, byToken, control] = [await w.token(), await w.token(), await w.token()]
  for (const token of [byJti, byToken, control]) t.equal(await gateways[0]?.status(token), 200)
  await publish(jtiOf(byJti))
  await publish(byToken)
  for (const gateway of gateways) {
    await refused(gateway, byJti)
    await refused(gateway, byToken)
    t.equal(await gateway.status(control), 200)
    t.match(gateway.process.output(), /\[TokenRevocationJMS\] \[-\] Successfully added to revoked token map/)
  }
}

async function refused(gateway: RunningGateway, token: string): Promise<void> {
  while ((await gateway.status(token)) !== 401);
}

/** A MapMessage of strings as Qpid's older clients write it. */
function legacyMap(fields: Record<string, string>): Buffer {
  const count = Buffer.alloc(4)
  count.writeInt32BE(Object.keys(fields).length)
  const entries = Object.entries(fields).map(([key, value]) => Buffer.from(`${key}\0\x0a${value}\0`))
  return Buffer.concat([count, ...entries])
}
