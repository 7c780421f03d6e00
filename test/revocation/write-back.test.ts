import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { Secret } from '../../src/config/secret.js'
import { silent } from '../../src/logging/index.js'
import { MAX_PENDING, openJournal } from '../../src/revocation/journal/index.js'
import { RevocationList } from '../../src/revocation/list/index.js'
import { etcdEndpoint } from '../../src/revocation/persistent/etcd-endpoint.js'
import { etcdV3Store } from '../../src/revocation/persistent/etcd-v3/store.js'
import { StoreError } from '../../src/revocation/persistent/store-error.js'
import type { RevocationRecord } from '../../src/revocation/record.js'
import { WriteBack, type WriteBackOptions } from '../../src/revocation/write-back.js'
import { etcdMissing, startEtcd } from '../services/etcd.js'
import { FakeClock } from './fake-clock.js'

const NOW = new FakeClock().now()
const HOUR = 3_600_000
const token = (id: string, expiresAt: number | undefined = NOW + HOUR): RevocationRecord => ({
  kind: 'token',
  id,
  expiresAt,
})

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
    if (this.refuses(id)) throw new Error(`cannot write ${id}`)
    this.taken.push(id)
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
    listOf: (fingerprints) => new RevocationList({ fingerprints, timestampSkew: 5_000, retention: 24 * HOUR }),
  })

/** Resolves when all that follows from promises that have settled is done. */
const settled = () => setImmediate()

t.test('a store that is away is tried again with back-off, one put at a time, until it takes all', async (t) => {
  const [store, clock] = [new Store(), new FakeClock()]
  const back = writeBack(store, clock)
  back.start()
  store.isAway = true
  for (let i = 0; i < 20; i++) back.put(token(`t${i}`))
  await settled()
  t.equal(store.attempts, 8, 'in parallel until the first failure')
  t.match(back.state(), { waiting: 20, failed: 8, written: 0, error: 'cannot reach it with [token]' })
  back.put(token('later'))
  await settled()
  t.equal(store.attempts, 8, 'nothing is tried before the pause is over')
  for (let i = 0; i < 10; i++) {
    clock.advance(5_000)
    await settled()
  }
  t.equal(store.attempts, 18)
  store.isAway = false
  clock.advance(5_000)
  await settled()
  t.strictSame(new Set(store.taken).size, 21)
  t.match(back.state(), { waiting: 0, written: 21, dropped: 0 })
  t.notOk(back.state().error)
})

t.test('one that the store never takes holds no other back, and is given up when its token has ended', async (t) => {
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
  clock.advance(HOUR)
  await settled()
  clock.advance(30_000)
  await settled()
  t.match(back.state(), { waiting: 0, written: 20, dropped: 20 })
})

t.test('a store that refuses all is asked at a bounded pace, and gets all soon after it takes one', async (t) => {
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
})

t.test('nor does one to which the store is silent', async (t) => {
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

t.test('rules that an etcd denies do not delay tokens', { skip: etcdMissing() }, async (t) => {
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

t.test('no more wait than there is room for; the others are counted', async (t) => {
  const [store, clock] = [new Store(), new FakeClock()]
  const back = writeBack(store, clock, { capacity: 3 })
  for (let i = 0; i < 5; i++) back.put(token(`t${i}`))
  t.match(back.state(), { waiting: 3, dropped: 2 })
})

t.test('what the store has not taken outlives a restart, and what it has taken is not put again', async (t) => {
  const path = join(t.testdir(), 'journal')
  const [store, clock] = [new Store(), new FakeClock()]
  const first = await journalAt(path)
  store.refuses = (id) => id === 'late'
  const back = writeBack(store, clock, { journal: first.journal })
  back.start()
  for (const record of [token('early'), token('late'), token('unknown end', undefined)]) back.put(record)
  await settled()
  await first.journal.close()

  const second = await journalAt(path)
  t.match(second.journal.pendingPuts, [{ at: NOW, record: token('late') }])
  store.refuses = () => false
  const again = writeBack(store, clock, { journal: second.journal })
  again.start()
  await settled()
  t.equal(store.taken.at(-1), 'late')
  await second.journal.close()
  const third = await journalAt(path)
  t.strictSame(third.journal.pendingPuts, [])
  await third.journal.close()
})

t.test('rules are kept too, compaction keeps what waits, and drops what is done', async (t) => {
  const path = join(t.testdir(), 'journal')
  const { journal, list } = await journalAt(path)
  const rule: RevocationRecord = { kind: 'subject', id: 'alice', revokedBefore: NOW, expiresAt: undefined }
  journal.addPending(rule, NOW)
  for (let i = 0, before = 0; statSync(path).size >= before; i++) {
    before = statSync(path).size
    const put = journal.addPending(token(`done-${i}-${'x'.repeat(60_000)}`), NOW)
    if (put !== undefined) journal.putDone(put)
    list.add(token('one'), 'here', NOW)
    await journal.flush()
  }
  await journal.close()
  const left = readFileSync(path, 'latin1').split('done-').length - 1
  t.ok(left < 20, `${left} of 70: those that came while it was written anew`)
  const again = await journalAt(path)
  t.match(again.journal.pendingPuts, [{ record: rule }])
  await again.journal.close()
})

t.test('the journal keeps a bounded number', async (t) => {
  const path = join(t.testdir(), 'journal')
  const { journal } = await journalAt(path)
  for (let i = 0; i < MAX_PENDING; i++) journal.addPending(token(`t${i}`), NOW)
  t.equal(journal.addPending(token('more'), NOW), undefined)
  await journal.close()
  const again = await journalAt(path)
  t.equal(again.journal.pendingPuts.length, MAX_PENDING)
  await again.journal.close()
})
