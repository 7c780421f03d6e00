import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import t from 'tap'
import { world } from '../support/gateway.js'
import { mgw } from '../support/mgw.js'
import { pause, servers, startCluster } from './cluster.js'

t.test('a worker that is killed under load is replaced, and no request of its siblings fails', async (t) => {
  const w = await world(t)
  const token = await w.token()
  const gateway = await startCluster(t, w, 2)
  const [victim, sibling] = await gateway.ready(2)
  let ended = false
  const outcomes: (readonly (number | string)[])[] = []
  const load = async () => {
    const [ask, seen] = [gateway.connection(), [] as (number | string)[]]
    while (!ended) {
      const outcome = await ask(token)
      seen.push(outcome)
      if (typeof outcome === 'string') break // it was the victim's
    }
    outcomes.push(seen)
  }
  const loads: Promise<void>[] = []
  while (servers(gateway.process.output()).size < 2) {
    loads.push(load())
    await pause(20)
  }
  for (let i = 0; i < 12; i++) loads.push(load())
  await pause(200) // so that requests are under way on all of them
  process.kill(victim?.pid ?? 0, 'SIGKILL')
  await gateway.process.printed(/worker exited; restarting it/)
  const after = await gateway.ready(2)
  ended = true
  await Promise.all(loads)
  t.ok(
    after.some(({ pid }) => pid === sibling?.pid),
    'the sibling lives',
  )
  t.notOk(after.some(({ pid }) => pid === victim?.pid))
  const whole = outcomes.filter((seen) => seen.every((outcome) => outcome === 200))
  t.ok(whole.length > 0, `${whole.length} of ${outcomes.length} connections were the sibling's`)
  t.ok(whole.length < outcomes.length)
  for (const seen of outcomes) {
    t.ok(
      seen.slice(0, -1).every((outcome) => outcome === 200),
      'nothing but the request that was cut off failed',
    )
  }
})

t.test('a worker that dies at its start is tried again ever later, until it lives', async (t) => {
  const w = await world(t)
  const token = await w.token()
  const gateway = await startCluster(t, w, 2)
  const [first] = await gateway.ready(2)
  const file = w.configFile('', {}, 'gateway', 2)
  const good = readFileSync(file, 'utf8')
  writeFileSync(file, 'nonsense')
  process.kill(first?.pid ?? 0, 'SIGKILL')
  await gateway.process.printed(/status=1 delay=400/)
  writeFileSync(file, good)
  const delays = [...gateway.process.output().matchAll(/restarting it.* delay=(\d+)/g)].map(([, ms]) => ms)
  t.match(delays.join(), /^100,200,400/)
  await gateway.ready(2)
  t.equal(await gateway.fresh(token), 200)
})

t.test('a port that is taken is an error of the start', async (t) => {
  const w = await world(t)
  const other = createServer().listen(0, '127.0.0.1')
  t.teardown(() => other.close())
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  const file = w.configFile('', {}, 'gateway', 2)
  writeFileSync(file, readFileSync(file, 'utf8').replace('httpPort = 0', `httpPort = ${port}`))
  const gateway = mgw(t, ['start', '-c', file])
  t.equal(await gateway.ended(), 1)
  t.match(gateway.output(), /EADDRINUSE/)
})
