import t from 'tap'
import { startGateway, world } from './support/gateway.js'

t.test('with maxStaleness, open requests end when the list stops being known; one process', async (t) => {
  const w = await world(t)
  const gateway = await startGateway(t, w.configFile('[tokenRevocationConfig]\n  maxStaleness = "1500ms"\n'))
  await gateway.known()
  const token = await w.token()
  const waiting = gateway.status(token, 'slow')
  await w.holding(1)
  await w.stopHub()
  t.equal(await waiting, 503, 'one that an upstream has and has not answered')
  t.equal(await gateway.status(token), 503)
  await w.startHub()
  while ((await gateway.status(token)) !== 200);
})
