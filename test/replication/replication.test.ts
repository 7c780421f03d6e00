import { once } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import { MessageChannel } from 'node:worker_threads'
import fc from 'fast-check'
import t from 'tap'
import { createLogging, silent } from '../../src/logging/index.js'
import { Publisher, Replica } from '../../src/replication/index.js'
import { LEASE, type PrimaryMessage, type WorkerMessage } from '../../src/replication/messages.js'
import { decodeEntries, type RuleEntry, type TokenEntry } from '../../src/revocation/entry.js'
import { RealtimeStatus } from '../../src/revocation/lookup.js'
import type { RevocationRecord } from '../../src/revocation/record.js'
import { RevocationList } from '../../src/revocation/revocation-list.js'
import type { TimeBounds } from '../../src/time/trusted-clock.js'
import { Fingerprinter } from '../../src/token/fingerprint.js'
import type { TokenIdentity } from '../../src/token/identity.js'

const fingerprints = new Fingerprinter(Buffer.from('01234567'))
const RETENTION = { timestampSkew: 0, retention: 86_400_000 }
const FAR = Date.now() + 3_600_000
const TIME_BOUNDS = (): TimeBounds => ({ earliest: 0, retained: Date.now(), latest: 0 })

function token(n: number, expiresAt: number | undefined = FAR): RevocationRecord {
  return { kind: 'token', id: `token-${n}`, expiresAt }
}

function identity(n: number): TokenIdentity {
  const ids = [{ by: 'jti' as const, ...fingerprints.of('token', `token-${n}`) }]
  return { ids, subjects: [], clients: [], sessions: [], issuedAt: 0, expiresAt: FAR, hash: '' }
}

/** All that a list holds, in an order of its own. */
function contents(list: RevocationList): string[] {
  return [...list.export()]
    .flatMap((block) => [...decodeEntries(block)])
    .map((entry: TokenEntry | RuleEntry) => JSON.stringify({ ...entry, source: list.sources.name(entry.source) }))
    .sort()
}

interface Options {
  readonly limits?: { entries: number; messages: number }
  readonly now?: () => number
  readonly remaining?: () => number
  readonly bounds?: () => TimeBounds
  readonly witness?: (server: string, date: number) => void
}

/** A primary, and a worker that gets a message when it is told to. */
function pair(t: { teardown(action: () => void): void }, options: Options = {}) {
  const list = new RevocationList({ fingerprints, ...RETENTION })
  const { remaining = () => Number.POSITIVE_INFINITY, bounds = TIME_BOUNDS, ...others } = options
  const realtimeStatus = new RealtimeStatus()
  const logger = silent('t')
  const publisher = new Publisher({
    list,
    seed: fingerprints.seed,
    remaining,
    bounds,
    realtimeStatus,
    logger,
    ...others,
  })
  const down: PrimaryMessage[] = []
  const up: WorkerMessage[] = []
  const subscription = publisher.subscribe('1', (message) => down.push(structuredClone(message)))
  const replica = new Replica({
    ...RETENTION,
    send: (message) => up.push(structuredClone(message)),
    ...(options.now === undefined ? {} : { now: options.now }),
  })
  const told: boolean[] = []
  replica.onRealtime((isLive) => told.push(isLive))
  t.teardown(() => {
    publisher.close()
    replica.close()
  })
  const deliverDown = () => {
    const message = down.shift()
    if (message !== undefined) replica.receive(message)
  }
  const deliverUp = () => {
    const message = up.shift()
    if (message !== undefined) subscription.receive(message)
  }
  return {
    list,
    realtimeStatus,
    /** What the worker was told of realtime. */
    told,
    publisher,
    subscription,
    replica,
    down,
    up,
    deliverDown,
    deliverUp,
    /** Delivers until nothing is under way. */
    async settle() {
      do {
        publisher.flush()
        while (down.length > 0) deliverDown()
        await setImmediate() // acknowledgements go once a turn
        while (up.length > 0) deliverUp()
      } while (down.length > 0 || up.length > 0 || subscription.status()?.state === 'priming')
    },
  }
}

t.test('a new worker gets the whole list and acknowledges it', async (t) => {
  const p = pair(t)
  for (let n = 0; n < 20_000; n++) p.list.add(token(n), n % 2 === 0 ? 'topic' : 'hub', Date.now())
  p.list.add({ kind: 'subject', id: 'alice', revokedBefore: FAR, expiresAt: FAR }, 'admin', Date.now())
  const following = p.replica.follow()
  t.notOk(p.replica.isKnown)
  await p.settle()
  await following
  t.strictSame(contents(p.replica.list), contents(p.list))
  t.ok(p.replica.isKnown)
  t.match(p.replica.find(identity(7)), { by: 'jti', source: 'hub' })
  t.match(p.subscription.status(), { state: 'in sync', acknowledged: 20_001, lag: { entries: 0, ms: 0 } })
})

t.test('a snapshot is sent no faster than it is acknowledged', async (t) => {
  const p = pair(t)
  for (let n = 0; n < 20_000; n++) p.list.add(token(n), 'hub', Date.now())
  void p.replica.follow()
  p.deliverUp()
  const blocks = () => p.down.filter(({ type }) => type === 'block').length
  while (blocks() < 8) await setImmediate()
  for (let turn = 0; turn < 5; turn++) await setImmediate()
  t.equal(blocks(), 8)
})

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

t.test('a worker is told whether the topic is live, and of every gap, even one that is over', async (t) => {
  const p = pair(t, { limits: { entries: 10, messages: 100 } })
  p.realtimeStatus.set(true)
  void p.replica.follow()
  await p.settle()
  t.strictSame(p.told, [true])
  p.realtimeStatus.set(false)
  p.realtimeStatus.set(true)
  await p.settle()
  t.strictSame(p.told, [true, false, true])
  const late: boolean[] = []
  p.replica.onRealtime((isLive) => late.push(isLive))
  t.strictSame(late, [true], 'whoever asks later is told at once')
  for (let n = 0; n < 50; n++) p.list.add(token(n), 'topic', Date.now())
  p.publisher.flush()
  p.realtimeStatus.set(false)
  p.realtimeStatus.set(true)
  await p.settle()
  t.strictSame(p.told, [true, false, true, false, true], 'one that fell behind has missed something')
})

t.test(
  'a worker that falls behind serves nothing until it has a new snapshot, and then ends what it missed',
  async (t) => {
    const p = pair(t, { limits: { entries: 10, messages: 100 } })
    void p.replica.follow()
    await p.settle()
    const heard: string[] = []
    p.replica.onChange((entry) => heard.push(`${entry.hi} ${entry.lo}`))
    for (let n = 0; n < 50; n++) {
      p.list.add(token(n), 'topic', Date.now())
      p.publisher.flush()
    }
    t.equal(p.subscription.status()?.state, 'behind')
    t.ok(p.down.length < 20, 'it is sent nothing more')
    t.notOk(p.subscription.knows())
    while (p.down.length > 0) p.deliverDown()
    t.notOk(p.replica.isKnown, 'it does not answer for a list that it does not know')
    await p.settle()
    t.ok(p.replica.isKnown)
    t.strictSame(contents(p.replica.list), contents(p.list))
    t.equal(new Set(heard).size, 50, 'each change was told')
  },
)

t.test('a replica is unknown while the primary’s list is, and when the primary is silent', async (t) => {
  let now = 1_000
  let known = 0
  const p = pair(t, { now: () => now, remaining: () => known })
  void p.replica.follow()
  await p.settle()
  t.notOk(p.replica.isKnown)
  t.notOk(p.subscription.knows())
  known = Number.POSITIVE_INFINITY
  p.publisher.heartbeat()
  await p.settle()
  t.ok(p.replica.isKnown)
  t.ok(p.subscription.knows())
  p.publisher.heartbeat() // is under way for long
  now += LEASE - 1
  t.ok(p.replica.isKnown)
  now += 1
  t.notOk(p.replica.isKnown)
  p.publisher.heartbeat()
  t.equal(p.down.length, 1, 'a worker that does not answer is not sent one after the other')
  p.deliverDown()
  t.notOk(p.replica.isKnown, 'what was said long ago says nothing of now')
  await p.settle()
  p.publisher.heartbeat()
  await p.settle()
  t.ok(p.replica.isKnown)
})

t.test(
  'open requests are told once that a lease ended, before the next begins, and that a replica fell behind',
  async (t) => {
    let now = 1_000
    const p = pair(t, { now: () => now, limits: { entries: 10, messages: 100 } })
    void p.replica.follow()
    await p.settle()
    let ends = 0
    p.replica.onUnknown(() => ends++)
    t.ok(p.replica.isKnown)
    now += LEASE
    p.publisher.heartbeat()
    await p.settle()
    t.ok(p.replica.isKnown, 'the primary is back')
    t.equal(ends, 1, 'and what was open meanwhile has ended')
    now += LEASE
    t.notOk(p.replica.isKnown)
    t.notOk(p.replica.isKnown)
    t.equal(ends, 2)
    p.publisher.heartbeat()
    await p.settle()
    for (let n = 0; n < 50; n++) p.list.add(token(n), 'topic', Date.now())
    p.publisher.flush()
    while (p.down.length > 0) p.deliverDown()
    t.equal(ends, 3, 'it fell behind')
    await p.settle()
    t.ok(p.replica.isKnown)
    p.replica.orphan()
    t.equal(ends, 4)
    p.publisher.heartbeat()
    await p.settle()
    t.notOk(p.replica.isKnown, 'an orphan stays one')
  },
)

t.test(
  'a replica sweeps, keeps and counts tokens as ended by the primary’s time bounds, never by its own clock',
  async (t) => {
    const heard: [string, number][] = []
    let now = 5_000
    const retained = Date.UTC(2020, 0)
    const p = pair(t, {
      now: () => now,
      bounds: () => ({ earliest: 1, retained, latest: 2 }),
      witness: (server, date) => heard.push([server, date]),
    })
    p.list.add(token(1, 1_000), 'hub', 500) // ended long ago, by any clock
    void p.replica.follow()
    await p.settle()
    t.ok(p.replica.find(identity(1)), 'nothing of a snapshot is left out')
    t.equal(p.replica.endedBefore, 2)
    p.replica.list.add({ kind: 'token', id: 'token-2', expiresAt: undefined }, 'hub', Date.now())
    const until = [...p.replica.list.export()]
      .flatMap((block) => [...decodeEntries(block)])
      .map((entry) => entry.keptUntil)
    t.equal(Math.max(...until), retained + 2 * RETENTION.retention)
    p.replica.witness('https://issuer', 1_700_000_000_000)
    now += 700 // it is under way
    await p.settle()
    t.strictSame(heard, [['https://issuer', 1_700_000_000_700]])
  },
)

t.test('a refused token renews its revocation, in the primary and in every replica', async (t) => {
  const p = pair(t)
  p.list.add(token(1, Date.now() + 1_000), 'hub', Date.now())
  void p.replica.follow()
  await p.settle()
  const before = contents(p.list)
  p.replica.refused(identity(1), Date.now())
  p.replica.refused(identity(1), Date.now())
  while (p.up.length === 0) await setImmediate()
  t.equal(p.up.length, 1, 'told once')
  await p.settle()
  t.notSame(contents(p.list), before)
  t.strictSame(contents(p.replica.list), contents(p.list))
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
