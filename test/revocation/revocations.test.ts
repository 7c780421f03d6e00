import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parseConfig } from '../../src/config/index.js'
import { silent } from '../../src/logging/index.js'
import { openJournal } from '../../src/revocation/journal/index.js'
import { RevocationList } from '../../src/revocation/list/index.js'
import { openRevocations } from '../../src/revocation/revocations.js'
import { startAmqp10Broker } from '../services/amqp10-broker.js'

t.test('when a durable subscription accepts a revocation, it is in the journal', async (t) => {
  const broker = await startAmqp10Broker(t)
  const directory = t.testdir()
  const path = join(directory, 'journal')
  const file = `[server]
  stateDirectory = ${JSON.stringify(directory)}
[tokenRevocationConfig.realtime]
  enableRealtimeMessageRetrieval = true
  jmsConnectionProviderUrl = "amqp10://127.0.0.1:${broker.port}"
  durableSubscription = true
[tokenRevocationConfig.journal]
  enable = true
  path = ${JSON.stringify(path)}
`
  const { config } = parseConfig(file, join(directory, 'micro-gw.conf'), {})
  const revocations = await openRevocations(config, silent)
  t.teardown(() => revocations.close())
  revocations.start()
  while (broker.subscriptions.length === 0) await broker.heard(1)
  t.notOk(revocations.state().sources.some((source) => 'malformed' in source))
  for (let i = 1; i <= 20; i++) {
    broker.publish('tokenRevocation', { body: { revokedToken: `t${i}` } })
    await broker.acceptedAll(i)
    copyFileSync(path, `${path}-${i}`)
  }
  for (const body of ['no json', '{"no":"token"}', 'no json either']) broker.publish('tokenRevocation', { body })
  await broker.acceptedAll(23)
  t.match(revocations.state().sources, [{ role: 'realtime', malformed: { 'not-json': 2, 'no-token': 1 } }])
  for (const i of [1, 10, 20]) {
    const copy = await openJournal({
      path: `${path}-${i}`,
      now: Date.now(),
      sources: '',
      logger: silent('test'),
      listOf: (fingerprints) => new RevocationList({ fingerprints, timestampSkew: 5_000, retention: 3_600_000 }),
    })
    t.equal(copy.list.size.tokens, i)
    await copy.journal.close()
  }
})
