import { setImmediate } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { silent } from '../../src/logging/index.js'
import { Publisher, Replica } from '../../src/replication/index.js'
import { LEASE, type PrimaryMessage, type WorkerMessage } from '../../src/replication/messages.js'
import { RealtimeStatus } from '../../src/revocation/lookup.js'
import { RevocationList } from '../../src/revocation/revocation-list.js'
import { fingerprints, RETENTION } from './pair.js'

/** A primary whose clock stands still until it is told to go on, and workers that get messages when they are told to. */
function primary(t: Test, limits?: { entries: number; messages: number }) {
  const time = { now: 1_000 }
  const now = () => time.now
  const list = new RevocationList({ fingerprints, ...RETENTION })
  const publisher = new Publisher({
    list,
    seed: fingerprints.seed,
    remaining: () => Number.POSITIVE_INFINITY,
    bounds: () => ({ expired: 0, retained: Date.now(), endedBefore: 0, droppedBefore: 0 }),
    realtimeStatus: new RealtimeStatus(),
    logger: silent('test'),
    now,
    ...(limits === undefined ? {} : { limits }),
  })
  t.teardown(() => publisher.close())
  let last = 0
  const worker = () => {
    const down: PrimaryMessage[] = []
    const up: WorkerMessage[] = []
    const subscription = publisher.subscribe('worker', (message) => down.push(structuredClone(message)))
    const replica = new Replica({ ...RETENTION, now, send: (message) => up.push(structuredClone(message)) })
    t.teardown(() => replica.close())
    void replica.follow()
    return {
      replica,
      down,
      subscription,
      /** Applies so many messages of the primary, by default all. */
      async apply(count = Number.POSITIVE_INFINITY) {
        publisher.flush()
        for (; count > 0 && down.length > 0; count--) replica.receive(down.shift() as PrimaryMessage)
        await setImmediate() // it acknowledges once a turn
      },
      /** Delivers its acknowledgements. */
      acknowledge() {
        for (const message of up.splice(0)) subscription.receive(message)
      },
      /** Both, until nothing is under way. */
      async settle() {
        do {
          this.acknowledge()
          await this.apply()
        } while (down.length > 0 || up.length > 0)
      },
    }
  }
  return {
    time,
    publisher,
    worker,
    /** Enters a revocation and asks for its enforcement; `done` says whether that was confirmed. */
    revoke() {
      list.add({ kind: 'token', id: `token-${++last}`, expiresAt: Date.now() + 3_600_000 }, 'here', Date.now())
      const asked = { outcome: 'waiting', promise: publisher.enforced() }
      asked.promise.then(
        () => {
          asked.outcome = 'enforced'
        },
        ({ code }: { code: string }) => {
          asked.outcome = code
        },
      )
      return asked
    },
  }
}

t.test('a revocation is enforced once every worker has acknowledged it: sent is not enough', async (t) => {
  const p = primary(t)
  const [first, second] = [p.worker(), p.worker()]
  for (const worker of [first, second]) await worker.settle()
  const asked = p.revoke()
  p.publisher.flush()
  await setImmediate()
  t.equal(asked.outcome, 'waiting', 'it is under way')
  await first.apply()
  first.acknowledge()
  await setImmediate()
  t.equal(asked.outcome, 'waiting', 'the other has not got it')
  await second.apply()
  await setImmediate()
  t.equal(asked.outcome, 'waiting', 'nor said so')
  second.acknowledge()
  await asked.promise
})

t.test('a stalled worker counts until its lease is over', async (t) => {
  const p = primary(t)
  const worker = p.worker()
  await worker.settle()
  p.publisher.heartbeat() // sent, and not read: it may read it at any time
  const saidAt = p.time.now
  const asked = p.revoke()
  p.time.now = saidAt + LEASE - 1
  p.publisher.heartbeat()
  await setImmediate()
  t.equal(asked.outcome, 'waiting')
  await worker.apply(1)
  t.ok(worker.replica.isKnown, 'it serves, and has not got the revocation')
  p.time.now = saidAt + LEASE
  t.notOk(worker.replica.isKnown)
  p.publisher.heartbeat()
  await setImmediate()
  t.equal(asked.outcome, 'waiting', 'what it looked up a moment ago may be on its way')
  p.time.now = saidAt + LEASE + 250
  p.publisher.heartbeat()
  await asked.promise
})

t.test('a worker with a lease that does not acknowledge is a failure, and so is a gateway that stops', async (t) => {
  const p = primary(t)
  const worker = p.worker()
  await worker.settle()
  const asked = p.revoke()
  for (let i = 0; i < 10; i++) {
    p.time.now += 1_000
    // It hears that the primary lives, and its acknowledgement of the revocation is lost.
    worker.subscription.receive({ type: 'ack', n: Number.MAX_SAFE_INTEGER, sequence: 0 })
    for (const { n } of worker.down.splice(0)) worker.subscription.receive({ type: 'ack', n, sequence: 0 })
    p.publisher.heartbeat()
  }
  await t.rejects(asked.promise, { name: 'UnconfirmedRevocation', code: 'ERR_REVOCATION_NOT_ENFORCED' })
  const last = p.revoke()
  p.publisher.close()
  await t.rejects(last.promise, { code: 'ERR_REVOCATION_NOT_ENFORCED' })
})

t.test('a worker that has exited does not count', async (t) => {
  const p = primary(t)
  const worker = p.worker()
  await worker.settle()
  const asked = p.revoke()
  worker.subscription.close()
  await asked.promise
})

t.test('a new worker counts from the message that gives it a lease', async (t) => {
  const p = primary(t)
  const worker = p.worker()
  await p.revoke().promise
  worker.acknowledge() // it says hello, and is sent a list that is soon out of date
  const asked = p.revoke()
  await worker.apply()
  await setImmediate()
  t.equal(asked.outcome, 'waiting')
  worker.acknowledge()
  await asked.promise
  t.ok(worker.replica.isKnown)
  t.equal(worker.replica.list.size.tokens, 2)
})

t.test('a replica that fell behind counts until it knows so, and again once it has the list', async (t) => {
  const p = primary(t, { entries: 2, messages: 100 })
  const worker = p.worker()
  await worker.settle()
  for (let i = 0; i < 4; i++) {
    p.revoke()
    p.publisher.flush()
  }
  t.equal(worker.subscription.status()?.state, 'behind')
  const asked = p.revoke()
  await worker.apply(1)
  worker.acknowledge()
  t.ok(worker.replica.isKnown, 'it has not heard that it is behind: it serves by what it has')
  await worker.apply()
  t.notOk(worker.replica.isKnown)
  t.equal(asked.outcome, 'waiting')
  await worker.settle()
  await asked.promise
  t.equal(worker.replica.list.size.tokens, 5)
})
