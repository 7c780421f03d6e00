import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { LEASE, type PrimaryMessage, type WorkerMessage } from '../../src/replication/messages.js'
import { Replica } from '../../src/replication/replica.js'
import { decodeEntries } from '../../src/revocation/entry.js'
import type { RevocationRecord } from '../../src/revocation/record.js'
import { identify } from '../../src/token/identity.js'
import { contents, FAR, fingerprints, identity, pair, RETENTION, token } from './pair.js'

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
  'a replica sweeps, keeps and counts tokens as ended by the primary’s time bounds, never by its own clock',
  async (t) => {
    const heard: [string, number][] = []
    let now = 5_000
    const retained = Date.UTC(2020, 0)
    const p = pair(t, {
      now: () => now,
      bounds: () => ({ expired: 1, retained, endedBefore: 2, droppedBefore: 3 }),
      witness: (server, date) => heard.push([server, date]),
    })
    p.list.add(token(1, 1_000), 'hub', 500) // ended long ago, by any clock
    void p.replica.follow()
    await p.settle()
    t.ok(p.replica.find(identity(1)), 'nothing of a snapshot is left out')
    t.equal(p.replica.endedBefore, 2)
    t.equal(p.replica.droppedBefore, 3)
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

t.test('a replica claims no sequence number before it has the whole list', async (t) => {
  const said: WorkerMessage[] = []
  const replica = new Replica({ ...RETENTION, now: () => 1_000, send: (message) => said.push(message) })
  t.teardown(() => replica.close())
  const claims = async (message: PrimaryMessage, sequence: number, text: string) => {
    replica.receive(message)
    await setImmediate()
    t.match(said.at(-1), { type: 'ack', n: message.n, sequence }, text)
  }
  const lease = {
    knownUntil: Number.POSITIVE_INFINITY,
    saidAt: 1_000,
    bounds: { expired: 0, retained: 0, endedBefore: 0, droppedBefore: 0 },
  }
  await claims({ n: 1, type: 'begin', seed: fingerprints.seed }, 0, 'nothing yet')
  await claims({ n: 2, type: 'delta', blocks: [], sequence: 7 }, 0, 'what came before it is not here')
  await claims({ n: 3, type: 'end', sequence: 8, ...lease }, 8, 'now it is')
  await claims({ n: 4, type: 'delta', blocks: [], sequence: 9 }, 9, 'each change counts')
  await claims({ n: 5, type: 'stale' }, 9, 'no more than it has')
  await claims({ n: 6, type: 'begin', seed: fingerprints.seed }, 9, 'a list begins')
  await claims({ n: 7, type: 'delta', blocks: [], sequence: 30 }, 9, 'what was left out is not here')
  await claims({ n: 8, type: 'end', sequence: 31, ...lease }, 31, 'now it is')
})

t.test('rules about claims reach a worker, those whose set of claims is new to it too', async (t) => {
  const p = pair(t)
  const rule = (name: string): RevocationRecord => ({
    kind: 'claims',
    claims: { [name]: 'x' },
    iss: 'https://a.example',
    revokedBefore: FAR,
    expiresAt: FAR,
  })
  const of = (name: string) =>
    identify({ kind: 'opaque', token: 'o' }, { iss: 'https://a.example', [name]: 'x' }, fingerprints)
  p.list.add(rule('tenant'), 'admin', Date.now())
  void p.replica.follow()
  await p.settle()
  t.match(p.replica.find(of('tenant')), { by: 'claims', source: 'admin' })
  const held: string[] = []
  p.replica.onChange(() => held.push(String(p.replica.find(of('device'))?.by)))
  p.list.add(rule('device'), 'admin', Date.now())
  await p.settle()
  t.strictSame(held, ['claims'], 'open requests are ended by the rule that has just come')
})

t.test('a token that a worker refuses by its claims prolongs the primary’s rule', async (t) => {
  const p = pair(t)
  const soon = Date.now() + 60_000
  p.list.add({ kind: 'claims', claims: { tenant: 'x' }, revokedBefore: FAR, expiresAt: soon }, 'admin', Date.now())
  void p.replica.follow()
  await p.settle()
  const token = identify({ kind: 'opaque', token: 'o' }, { tenant: 'x', exp: Math.ceil(FAR / 1000) }, fingerprints)
  const changed = new Promise<number>((resolve) => {
    p.list.onChange(({ keptUntil }) => resolve(keptUntil))
  })
  p.replica.refused(token, Date.now())
  while (p.up.length === 0) await setImmediate()
  p.deliverUp()
  t.ok((await changed) >= FAR)
})
