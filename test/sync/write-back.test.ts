import { cpSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { Secret } from '../../src/config/secret.js'
import { encodeHeader } from '../../src/journal/format.js'
import { openJournal } from '../../src/journal/index.js'
import { pendingBlock } from '../../src/journal/pending.js'
import { silent } from '../../src/logging/index.js'
import { OutboxDirectory } from '../../src/outbox/index.js'
import type { RevocationRecord } from '../../src/revocation/record.js'
import { LATEST_USE } from '../../src/revocation/retention.js'
import { RevocationList } from '../../src/revocation/revocation-list.js'
import { etcdEndpoint } from '../../src/sources/persistent/etcd/endpoint.js'
import { etcdV3Store } from '../../src/sources/persistent/etcd-v3/store.js'
import { StoreError } from '../../src/sources/source.js'
import type { WriteBackOptions } from '../../src/sync/options.js'
import { storable, WriteBack } from '../../src/sync/write-back.js'
import { etcdMissing, startEtcd } from '../services/etcd.js'
import { fileSizeLimitMissing, limitFileSize } from '../support/file-size-limit.js'
import { FakeClock } from '../time/fake-clock.js'
import { pause } from '../workers/cluster.js'

const NOW = new FakeClock().now()
const HOUR = 3_600_000
const token = (id: string, expiresAt: number | undefined = NOW + HOUR): RevocationRecord => ({
  kind: 'token',
  id,
  expiresAt,
})

const endless = (id: string): RevocationRecord => ({ kind: 'token', id, expiresAt: undefined })
const tokens = (count: number) => Array.from({ length: count }, (_, i) => token(`t${i}`))

/** A store that takes what it is told to take. */
class Store {
  readonly name = 'a store'
  readonly taken: string[] = []
  attempts = 0
  refuses = (_: string): boolean => false
  isAway = false
  async *list(): AsyncIterable<RevocationRecord> {}
  async put({ id }: RevocationRecord): Promise<void> {
    this.attempts++
    if (this.isAway) throw new StoreError('ERR_STORE_UNREACHABLE', `cannot reach it with ${id}`)
    if (this.refuses(id ?? '')) throw new Error(`cannot write ${id}`)
    this.taken.push(id ?? '')
  }
}

function writeBack(store: Store, clock: FakeClock, more: Partial<WriteBackOptions> = {}): WriteBack {
  return new WriteBack({ store, retention: 24 * HOUR, logger: silent('test'), clock, ...more })
}

const journalAt = (path: string) =>
  openJournal({
    path,
    now: NOW,
    sources: '',
    logger: silent('test'),
    listOf: (fingerprints) => new RevocationList({ fingerprints, retention: 24 * HOUR }),
  })

/** Resolves when all that follows from promises that have settled is done. */
const settled = () => setImmediate()

t.test('an unreachable store is retried with back-off, one put at a time, until it has taken all', async (t) => {
  const [store, clock] = [new Store(), new FakeClock()]
  const back = writeBack(store, clock)
  back.start()
  store.isAway = true
  for (let i = 0; i < 40; i++) back.put(token(`t${i}`))
  await settled()
  t.equal(store.attempts, 32, 'in parallel until the first failure')
  t.match(back.state(), { waiting: 40, failed: 32, written: 0, error: 'cannot reach it with [token]' })
  back.put(token('later'))
  await settled()
  t.equal(store.attempts, 32, 'nothing is tried before the pause is over')
  for (let i = 0; i < 10; i++) {
    clock.advance(5_000)
    await settled()
  }
  t.equal(store.attempts, 42)
  store.isAway = false
  clock.advance(5_000)
  await settled()
  t.strictSame(new Set(store.taken).size, 41)
  t.match(back.state(), { waiting: 0, written: 41, dropped: 0 })
  t.notOk(back.state().error)
})

t.test(
  'a put that the store always refuses holds back no other, and is given up when no gateway accepts its token',
  async (t) => {
    const [store, clock] = [new Store(), new FakeClock()]
    store.refuses = (id) => id.startsWith('poison')
    const back = writeBack(store, clock)
    back.start()
    for (let i = 0; i < 20; i++) back.put(token(`poison ${i}`))
    for (let i = 0; i < 20; i++) {
      clock.advance(30_000)
      await settled()
      back.put(token(`good ${i}`))
      await settled()
      t.equal(store.taken.length, i + 1, 'taken at once')
    }
    t.match(back.state(), { waiting: 20, written: 20 })
    for (const before of [30_000, 0]) {
      clock.advance(NOW + HOUR + LATEST_USE - before - clock.now())
      await settled()
    }
    t.match(back.state(), { waiting: 20, dropped: 0 }, 'the largest timestampSkew still accepts it')
    clock.advance(30_000)
    await settled()
    t.match(back.state(), { waiting: 0, written: 20, dropped: 20 })
  },
)

t.test(
  'a clock correction gives up no revocation with unknown expiry: retention is counted by elapsed time',
  async (t) => {
    const [store, clock] = [new Store(), new FakeClock()]
    store.isAway = true
    const bounds = { earliest: 0, retained: NOW - 40 * 24 * HOUR }
    const back = writeBack(store, clock, { bounds: () => bounds })
    back.start()
    back.put(endless('learnt 40 days early'))
    await settled()
    bounds.earliest = NOW
    store.isAway = false
    clock.advance(5_000)
    await settled()
    t.strictSame(store.taken, ['learnt 40 days early'])
    store.isAway = true
    back.put(endless('for too long'))
    await settled()
    bounds.retained += 25 * HOUR
    clock.advance(5_000)
    await settled()
    t.match(back.state(), { waiting: 0, written: 1, dropped: 1 }, 'as long as retention, it waits')
  },
)

t.test(
  'a store that refuses all puts is retried at a bounded pace, and gets all soon after it takes one',
  async (t) => {
    const [store, clock] = [new Store(), new FakeClock()]
    store.refuses = () => true
    const back = writeBack(store, clock)
    back.start()
    for (let i = 0; i < 1_000; i++) back.put(token(`t${i}`, NOW + 10 * HOUR))
    await settled()
    t.equal(store.attempts, 1_000, 'each at once')
    const second = async () => {
      clock.advance(1_000)
      await settled()
    }
    for (let i = 0; i < 300; i++) await second()
    t.ok(store.attempts < 1_000 + 300 * 6, `${store.attempts - 1_000} in five minutes`)
    store.refuses = () => false
    for (let i = 0; i < 10; i++) await second()
    t.match(back.state(), { waiting: 0, written: 1_000 })
  },
)

t.test('a put that the store does not answer holds back no other', async (t) => {
  const [store, clock] = [new Store(), new FakeClock()]
  store.isAway = true
  const back = writeBack(store, clock)
  back.start()
  back.put(token('poison'))
  for (let i = 0; i < 10; i++) {
    await settled()
    clock.advance(30_000)
  }
  await settled()
  store.isAway = false
  back.put(token('good'))
  await settled()
  t.strictSame(store.taken, ['good'])
  clock.advance(30_000)
  await settled()
  t.strictSame(store.taken, ['good', 'poison'])
})

t.test('rules that etcd denies do not delay tokens', { skip: etcdMissing() }, async (t) => {
  const etcd = await startEtcd(t, { args: ['--bcrypt-cost', '4'] })
  await etcd.enableAuth('mgw', 'jti/')
  const login = { username: 'mgw', password: new Secret('pw') }
  const store = etcdV3Store({ endpoint: etcdEndpoint(etcd.url), ...login })
  const { put } = store
  if (put === undefined) throw new Error('etcd takes revocations')
  let made = (): void => undefined
  const clock = new FakeClock()
  const told = {
    ...store,
    put: (record: RevocationRecord) => put(record).finally(() => void setImmediate().then(() => made())),
  }
  const back = new WriteBack({ store: told, retention: 24 * HOUR, logger: silent('test'), clock })
  back.start()
  const attempt = async (start: () => void) => {
    const done = new Promise<void>((resolve) => {
      made = resolve
    })
    start()
    await done
  }
  await attempt(() => back.put({ kind: 'subject', id: 'alice', revokedBefore: NOW, expiresAt: undefined }))
  for (let i = 0; i < 5; i++) await attempt(() => clock.advance(30_000))
  t.match(back.state(), { waiting: 1, failed: 6, written: 0 })
  await attempt(() => back.put(token('good', Date.now() + HOUR)))
  t.match(back.state(), { waiting: 1, written: 1 })
})

t.test('memory holds a bounded number: beyond it a put is confirmed only if the store takes it', async (t) => {
  const [store, clock] = [new Store(), new FakeClock()]
  store.refuses = (id) => id === 't4'
  const back = writeBack(store, clock, { capacity: 3 })
  const outcomes = [0, 1, 2, 3, 4].map((i) => back.put(token(`t${i}`)))
  for (const { kept } of outcomes) await t.rejects(kept, 'nothing is on disk')
  await outcomes[3]?.taken
  await t.rejects(outcomes[4]?.taken ?? Promise.resolve(), /too many/)
  await t.rejects(back.all().taken)
  await t.rejects(back.all().kept)
  t.match(back.state(), { waiting: 3, written: 1, dropped: 1 })
  back.start()
  await outcomes[0]?.taken
  await settled()
  await back.all().taken
  t.match(back.state(), { waiting: 0, written: 4 })
})

/** Resolves when it is so; looks at it every few milliseconds. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await pause(2)
}

/** The outboxes as a process that is killed now leaves them. */
function killed(path: string): OutboxDirectory {
  const copy = `${path}-after`
  cpSync(path, copy, { recursive: true })
  return new OutboxDirectory(copy)
}

t.test('puts that the store has not taken survive kill -9; refused ones hold back no other then either', async (t) => {
  const path = join(t.testdir(), 'outbox')
  const store = new Store()
  store.isAway = true
  const back = writeBack(store, new FakeClock(), { directory: new OutboxDirectory(path) })
  back.start()
  const rule: RevocationRecord = { kind: 'subject', id: 'alice', revokedBefore: NOW, expiresAt: undefined }
  const records = [token('poison'), token('unknown end', undefined), rule, ...tokens(3_000)]
  await Promise.all(records.map((record) => back.put(record).kept))
  t.match(back.state(), { waiting: records.length, written: 0, outbox: { path, damages: 0 } })

  const second = killed(path)
  store.isAway = false
  store.refuses = (id) => id === 'poison'
  const again = writeBack(store, new FakeClock(), { directory: second })
  again.start()
  await until(() => store.taken.length === records.length - 1)
  t.strictSame(new Set(store.taken), new Set(records.slice(1).map(({ id }) => id)))
  await until(() => again.state().waiting === 1)
  await again.stop()
  await back.stop()

  store.refuses = () => false
  const clock = new FakeClock()
  const third = writeBack(store, clock, { directory: new OutboxDirectory(second.path) })
  third.start()
  await until(() => clock.untilNext() !== undefined)
  clock.advance(30_000)
  await until(() => store.taken.includes('poison'))
  await until(() => third.state().waiting === 0)
  t.match(third.state(), { written: 1 }, 'what was taken before a clean end is not put again')
  await third.stop()
  t.strictSame(readdirSync(second.path), [], 'nothing is left of it')
})

t.test(
  'when more are refused than memory holds, each is tried, and all are taken once the store accepts them',
  async (t) => {
    const path = join(t.testdir(), 'outbox')
    const [store, clock] = [new Store(), new FakeClock()]
    store.refuses = (id) => id.startsWith('poison')
    const back = writeBack(store, clock, { directory: new OutboxDirectory(path) })
    back.start()
    for (let i = 0; i < 3_000; i++) back.put(token(`poison ${i}`, NOW + 100 * HOUR))
    await back.put(token('good')).kept
    await until(() => store.taken.includes('good'))
    t.match(back.state(), { written: 1 })
    store.refuses = () => false
    await until(() => {
      clock.advance(1_000)
      return back.state().waiting === 0
    })
    t.equal(new Set(store.taken).size, 3_001)
    await back.stop()
  },
)

t.test(
  'while the disk is full nothing is kept, puts still go to the store, and the disk is retried',
  { skip: fileSizeLimitMissing() },
  async (t) => {
    const path = join(t.testdir(), 'outbox')
    const store = new Store()
    store.isAway = true
    const back = writeBack(store, new FakeClock(), { directory: new OutboxDirectory(path) })
    back.start()
    await back.put(token('before')).kept
    limitFileSize(process.pid, 1)
    t.teardown(() => limitFileSize(process.pid, 'unlimited'))
    const during = back.put(token('during'))
    await t.rejects(during.kept, /not durable/)
    await t.rejects(back.all().kept, /not writable/)
    t.match(back.state(), { waiting: 2, outbox: { error: /EFBIG/ } })
    limitFileSize(process.pid, 'unlimited')
    await back.all().kept
    t.notOk(back.state().outbox?.error)
    const again = writeBack(new Store(), new FakeClock(), { directory: killed(path) })
    again.start()
    await until(() => again.state().written === 2)
    await again.stop()
    await back.stop()
  },
)

t.test('puts that an older version kept in its journal are carried over, and done there', async (t) => {
  const directory = t.testdir()
  const path = join(directory, 'journal')
  const old = [token('one'), token('two')].map((record, i) => pendingBlock({ number: i + 1, at: NOW, record }))
  writeFileSync(path, Buffer.concat([encodeHeader(Buffer.alloc(8)), ...old]))
  const first = await journalAt(path)
  t.match(first.journal.pendingPuts, [{ record: token('one') }, { record: token('two') }])
  const store = new Store()
  store.isAway = true
  const outbox = join(directory, 'outbox')
  const back = writeBack(store, new FakeClock(), { journal: first.journal, directory: new OutboxDirectory(outbox) })
  back.start()
  await until(() => first.journal.pendingPuts.length === 0)
  await first.journal.close()
  await back.stop()
  const second = await journalAt(path)
  t.strictSame(second.journal.pendingPuts, [])
  await second.journal.close()
  store.isAway = false
  const again = writeBack(store, new FakeClock(), { directory: new OutboxDirectory(outbox) })
  again.start()
  await until(() => store.taken.length === 2)
  await again.stop()
})

t.test('when more come than memory holds while the store is away, all reach it when it is back', async (t) => {
  const [store, clock] = [new Store(), new FakeClock()]
  store.isAway = true
  const back = writeBack(store, clock, { directory: new OutboxDirectory(join(t.testdir(), 'outbox')), capacity: 10 })
  back.start()
  for (let batch = 0; batch < 25; batch++) {
    await Promise.all(Array.from({ length: 1_000 }, (_, i) => back.put(token(`t${batch}-${i}`)).kept))
  }
  t.match(back.state(), { waiting: 25_000, dropped: 0 })
  store.isAway = false
  clock.advance(5_000)
  await until(() => back.state().waiting === 0)
  t.equal(new Set(store.taken).size, 25_000)
  t.match(back.state(), { written: 25_000, dropped: 0 })
  await back.stop()
})

t.test('revocations that came while etcd was away reach it when it is back', { skip: etcdMissing() }, async (t) => {
  const etcd = await startEtcd(t)
  const store = etcdV3Store({ endpoint: etcdEndpoint(etcd.url), username: '', password: new Secret('') })
  const { put } = store
  if (put === undefined) throw new Error('etcd takes revocations')
  const directory = new OutboxDirectory(join(t.testdir(), 'outbox'))
  const back = new WriteBack({ store: { ...store, put }, retention: 24 * HOUR, logger: silent('test'), directory })
  t.teardown(async () => {
    await back.stop()
    await store.close?.()
  })
  back.start()
  await etcd.kill()
  const far = Date.now() + HOUR
  await Promise.all(Array.from({ length: 1_500 }, (_, i) => back.put(token(`t${i}`, far)).kept))
  t.match(back.state(), { waiting: 1_500, dropped: 0 })
  await etcd.restart()
  await until(() => back.state().waiting === 0)
  const keys = (await etcd.ctl(3, 'get', '--prefix', 'jti/', '--keys-only')).split('\n').filter((key) => key !== '')
  t.equal(new Set(keys).size, 1_500)
})

t.test(
  'a store that keeps no issuers gets ids of tokens without them, and no rules about an issuer’s names, issuers and claims',
  async (t) => {
    const A = 'https://a.example'
    const times = { revokedBefore: 1, expiresAt: undefined }
    const takes = ({ kind, iss }: RevocationRecord) => kind !== 'claims' && iss === undefined
    const store = Object.assign(new Store(), { takes })
    t.strictSame(storable(store, { kind: 'token', id: 'j', iss: A, expiresAt: 5 }), {
      kind: 'token',
      id: 'j',
      expiresAt: 5,
    })
    t.strictSame(storable(store, { kind: 'subject', id: 's', iss: null, ...times }), {
      kind: 'subject',
      id: 's',
      ...times,
    })
    for (const kind of ['subject', 'session', 'client'] as const) {
      const rule: RevocationRecord = { kind, id: 'admin', iss: A, ...times }
      t.equal(storable(store, rule), undefined, 'it would revoke another issuer’s')
      t.equal(storable(store, rule, 'https://b.example'), undefined)
      t.strictSame(storable(store, rule, A), { kind, id: 'admin', ...times }, 'there is no other issuer')
    }
    const logged: string[] = []
    const logger = { ...silent('test'), warn: (text: string) => void logged.push(text) }
    const back = writeBack(store, new FakeClock(), { logger })
    for (const id of ['a', 'b']) t.equal(back.storable({ kind: 'subject', id, iss: A, ...times }), undefined)
    t.match(logged, [/not written to it.*keepsIssuers: true/])
    t.equal(logged.length, 1)
    t.match(back.state(), { waiting: 0, dropped: 2 })
    t.equal(storable(store, { kind: 'issuer', iss: A, ...times }), undefined)
    t.equal(storable(store, { kind: 'claims', claims: { a: 'b' }, ...times }), undefined)
    const plain: RevocationRecord = { kind: 'token', id: 'j', expiresAt: 5 }
    t.equal(storable(store, plain), plain)
    const never = Object.assign(new Store(), { takes: () => false })
    t.equal(storable(never, plain), undefined, 'one issuer’s store cannot keep what is about any')
  },
)
