import { once } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import { MessageChannel } from 'node:worker_threads'
import fc from 'fast-check'
import t from 'tap'
import { createLogging } from '../../src/logging/index.js'
import { Publisher, Replica } from '../../src/replication/index.js'
import type { PrimaryMessage, WorkerMessage } from '../../src/replication/messages.js'
import { RealtimeStatus } from '../../src/revocation/lookup.js'
import { RevocationList } from '../../src/revocation/revocation-list.js'
import { contents, FAR, fingerprints, pair, RETENTION, TIME_BOUNDS, token } from './pair.js'

t.test('in any order of changes, deltas, acknowledgements and snapshots the lists become equal', async (t) => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('add' as const), n: fc.nat(400), later: fc.nat(5) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('rule' as const), n: fc.nat(5), at: fc.nat(1e6) }) },
    { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('down' as const, 'up' as const, 'turn' as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('flush' as const, 'beat' as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('realtime' as const), isLive: fc.boolean() }) },
  )
  let behind = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 120 }), fc.nat(30), async (steps, before) => {
      const ends: (() => void)[] = []
      const p = pair({ teardown: (end) => ends.push(end) }, { limits: { entries: 6, messages: 9 } })
      for (let n = 0; n < before; n++) p.list.add(token(n), 'hub', Date.now())
      void p.replica.follow()
      for (const each of steps) {
        if (each.do === 'add') p.list.add(token(each.n, FAR + each.later * 100_000), `source ${each.n % 3}`, Date.now())
        else if (each.do === 'rule')
          p.list.add({ kind: 'client', id: `c${each.n}`, revokedBefore: each.at, expiresAt: FAR }, 'admin', Date.now())
        else if (each.do === 'down') p.deliverDown()
        else if (each.do === 'up') p.deliverUp()
        else if (each.do === 'flush') p.publisher.flush()
        else if (each.do === 'realtime') p.realtimeStatus.set(each.isLive)
        else if (each.do === 'beat') p.publisher.heartbeat()
        else await setImmediate()
        if (p.subscription.status()?.state === 'behind') behind++
      }
      await p.settle()
      const status = p.subscription.status()
      for (const end of ends) end()
      return (
        status?.state === 'in sync' &&
        status.lag.entries === 0 &&
        p.told.at(-1) === p.realtimeStatus.isLive &&
        JSON.stringify(contents(p.replica.list)) === JSON.stringify(contents(p.list))
      )
    }),
    { numRuns: 300 },
  )
  t.ok(behind > 0, `some fell behind on their way (${behind} steps)`)
})

t.test('over a real channel: many changes while a snapshot is sent', async (t) => {
  const { port1, port2 } = new MessageChannel()
  const list = new RevocationList({ fingerprints, ...RETENTION })
  const known = { remaining: () => Number.POSITIVE_INFINITY, bounds: TIME_BOUNDS, realtimeStatus: new RealtimeStatus() }
  const options = { list, seed: fingerprints.seed, ...known }
  const publisher = new Publisher({ ...options, logger: createLogging({ level: 'silent', format: 'json' })('t') })
  const subscription = publisher.subscribe('1', (message) => port1.postMessage(message))
  port1.on('message', (message: WorkerMessage) => subscription.receive(message))
  const replica = new Replica({ ...RETENTION, send: (message) => port2.postMessage(message) })
  port2.on('message', (message: PrimaryMessage) => replica.receive(message))
  t.teardown(() => {
    publisher.close()
    replica.close()
    port1.close()
  })
  for (let n = 0; n < 30_000; n++) list.add(token(n), 'hub', Date.now())
  let done = false
  const following = replica.follow().then(() => {
    done = true
  })
  let n = 30_000
  while (!done) {
    for (let i = 0; i < 50; i++) list.add(token(n++), 'topic', Date.now())
    await setImmediate()
  }
  await following
  while ((subscription.status()?.lag.entries ?? 1) > 0) await once(port1, 'message')
  t.strictSame(contents(replica.list), contents(list))
  t.ok(n > 30_000)
})
