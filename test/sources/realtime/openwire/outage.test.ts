import { test } from 'tap'
import { activemqMissing, Publisher, startActiveMQ } from '../../../services/activemq.js'
import { listen, listenLive, TOPIC } from './listen.js'

test('a broker that dies or freezes', { skip: activemqMissing() }, async (t) => {
  const [broker, publisher] = await Promise.all([startActiveMQ(t), Publisher.start(t)])

  t.test('kill -9 is a gap; once the broker is back, so is the subscription', async (t) => {
    const { states, messages, until } = await listenLive(t, broker.port)
    const durable = await listenLive(t, broker.port, { durable: { clientId: 'gateway', name: 'revocations' } })
    await broker.kill()
    await until(() => states.includes('failed'))
    t.same(states.slice(0, 4), ['connecting', 'live', 'gap', 'failed'])
    await durable.until(() => durable.states.includes('gap'))
    await broker.start()
    await until(() => states.at(-1) === 'live')
    await durable.until(() => durable.states.at(-1) === 'live')
    await publisher.publish(broker.port, 'map', TOPIC, ['revokedToken=s:after'])
    for (const each of [{ messages, until }, durable]) {
      await each.until(() => each.messages.length > 0)
      t.equal(each.messages[0]?.map?.get('revokedToken'), 'after')
    }
  })

  t.test('a frozen broker is noticed in bounded time, and found again when it thaws', async (t) => {
    const { states, details, messages, until } = await listenLive(t, broker.port, {
      heartbeat: 600,
      connectTimeout: 1000,
    })
    const frozenAt = performance.now()
    broker.freeze()
    t.teardown(() => broker.thaw())
    await until(() => states.includes('gap'))
    const noticed = performance.now() - frozenAt
    t.match(details[0], 'ERR_OPENWIRE_INACTIVE')
    t.ok(noticed < 3000, `noticed after ${Math.round(noticed)} ms`)
    await until(() => states.includes('failed'))
    t.match(details[1], 'ERR_OPENWIRE_CONNECT_TIMEOUT', 'its kernel still accepts connections')
    broker.thaw()
    await until(() => states.at(-1) === 'live')
    await publisher.publish(broker.port, 'map', TOPIC, ['revokedToken=s:thawed'])
    await until(() => messages.length > 0)
    t.equal(messages[0]?.map?.get('revokedToken'), 'thawed')
  })

  t.test('a source that starts before its broker waits for it, and stops at once when told to', async (t) => {
    await broker.kill()
    const early = listen(t, broker.port)
    const stopped = listen(t, broker.port)
    await stopped.until(() => stopped.states.includes('failed'))
    await stopped.stop()
    await broker.start()
    await early.until(() => early.states.at(-1) === 'live')
    t.notOk(stopped.states.includes('live'))
    t.equal(early.states[1], 'failed')
  })
})
