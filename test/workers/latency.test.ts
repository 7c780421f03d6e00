import t from 'tap'
import { jtiOf, world } from '../support/gateway.js'
import { pause, startCluster } from './cluster.js'

const REVOCATIONS = 50
/** What bench/workers holds to 50 ms, on a machine that has nothing else to do. */
const LIMIT = 1_000

t.test('50 revocations at 100 a second under load: within a second no worker accepts any of the tokens', async (t) => {
  const w = await world(t)
  const control = await w.token()
  const tokens: string[] = []
  for (let i = 0; i < REVOCATIONS; i++) tokens.push(await w.token())
  const gateway = await startCluster(t, w, 4, '[tokenRevocationConfig.journal]\n  enable = false')
  await gateway.ready(4)
  const connections = Array.from({ length: 8 }, () => gateway.connection())
  let ended = false
  const statuses = new Set<number | string>()
  const load = (async () => {
    const ask = gateway.connection()
    while (!ended) statuses.add(await ask(control))
  })()
  const late: number[] = []
  await Promise.all(
    tokens.map(async (token, i) => {
      await pause(10 * i)
      w.broker.publish('tokenRevocation', { revokedToken: jtiOf(token), ttl: '3600' })
      const published = performance.now()
      for (const ask of connections) {
        for (let asked = performance.now(); (await ask(token)) !== 401; asked = performance.now()) {
          if (asked - published > LIMIT) late.push(asked - published)
        }
      }
    }),
  )
  ended = true
  await load
  t.strictSame(late, [])
  t.strictSame([...statuses], [200])
})
