import { mkdirSync, readFileSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { lock } from '../../src/journal/lock.js'
import { Ownership } from '../../src/journal/ownership.js'
import { silent } from '../../src/logging/index.js'
import type { Entry } from '../../src/revocation/entry.js'
import { FakeClock } from '../time/fake-clock.js'
import { afterCompaction } from './file-syncs.js'
import { HOUR, has, NOW, open, openUntilEnd, read } from './opened-journal.js'

t.test(
  'a journal that another process has is read, and owned once that one closes, with all that it wrote',
  async (t) => {
    const path = join(t.testdir(), 'journal')
    const first = await open(path)
    first.list.add({ kind: 'token', id: 'before', expiresAt: NOW + HOUR }, 'topic', NOW)
    await first.journal.flush()

    const second = await openUntilEnd(t, path)
    t.ok(has(second, 'before'))
    t.match(second.journal.status(), { owned: false, error: /locked by another process/ })
    second.list.add({ kind: 'token', id: 'here', expiresAt: NOW + HOUR }, 'topic', NOW)
    await t.rejects(second.journal.flush(), /locked by another process/, 'nobody is told that it is durable')

    const told: Entry[] = []
    second.list.onChange((entry) => told.push(entry))
    first.list.add({ kind: 'token', id: 'meanwhile', expiresAt: NOW + HOUR }, 'hub', NOW)
    await first.journal.close()
    await second.owned()
    t.match(has(second, 'meanwhile'), { source: 'hub' })
    t.equal(told.length, 1, 'workers hear of it')
    await second.journal.flush()
    t.match(second.journal.status(), { owned: true, error: undefined, damage: undefined })
    const { damages, loading } = await read(path)
    t.same(damages, [])
    for (const id of ['before', 'here', 'meanwhile']) t.ok(has(loading.into, id), id)
  },
)

t.test('a journal that was never owned complains when it closes only if revocations are lost', async (t) => {
  const path = join(t.testdir(), 'journal')
  const first = await open(path)
  for (const [ids, expected] of [
    [[], []],
    [['lost'], ['journal closed with unwritten entries']],
  ] as const) {
    const errors: string[] = []
    const logger = { ...silent('test'), error: (text: string) => errors.push(text) }
    const { journal, list } = await open(path, NOW, 'these', { logger })
    journal.inSync(NOW)
    journal.note('position', 1)
    for (const id of ids) list.add({ kind: 'token', id, expiresAt: NOW + HOUR }, 'topic', NOW)
    await journal.close()
    t.strictSame(errors, expected)
  }
  await first.journal.close()
})

t.test('a journal that another process has compacted meanwhile is read whole when it is owned', async (t) => {
  const path = join(t.testdir(), 'journal')
  const first = await open(path)
  const second = await openUntilEnd(t, path)
  const compacted = afterCompaction(t)
  for (let i = 0; i < 300_000; i++) {
    first.list.add({ kind: 'token', id: `token-${i}`, expiresAt: NOW + HOUR }, 'topic', NOW)
  }
  await compacted
  await first.journal.close()
  await second.owned()
  t.equal(second.list.size.tokens, 300_000)
  await second.journal.flush()
  t.same((await read(path)).damages, [])
})

t.test('a first start beside one that has just begun shares its journal', async (t) => {
  const path = join(t.testdir(), 'journal')
  const [first, second] = await Promise.all([openUntilEnd(t, path), openUntilEnd(t, path)])
  t.same(first?.fingerprints.seed, second?.fingerprints.seed)
  const [owner, other] = first?.journal.status().owned ? [first, second] : [second, first]
  owner?.list.add({ kind: 'token', id: 'a', expiresAt: NOW + HOUR }, 'topic', NOW)
  await owner?.journal.close()
  if (other === undefined) throw new Error('only one was opened')
  await other.owned()
  t.ok(has(other, 'a'))
})

t.test('where nothing can be written, the journal is read; it is written once that is possible', async (t) => {
  const path = join(t.testdir(), 'journal')
  const first = await open(path)
  first.list.add({ kind: 'token', id: 'before', expiresAt: NOW + HOUR }, 'topic', NOW)
  first.journal.inSync(NOW)
  first.journal.note('position', 1)
  await first.journal.close()

  mkdirSync(`${path}.lock`) // no lock file can be created
  const warnings: string[] = []
  const second = await openUntilEnd(t, path, { warn: (text) => warnings.push(text) })
  t.ok(has(second, 'before'))
  t.equal(second.inSyncAt, NOW)
  t.equal(second.notes.get('position'), 1)
  t.match(second.journal.status(), { owned: false })
  t.equal(warnings.length, 1)
  second.list.add({ kind: 'token', id: 'after', expiresAt: NOW + HOUR }, 'topic', NOW)
  await t.rejects(second.journal.flush())
  rmdirSync(`${path}.lock`)
  await second.owned()
  await second.journal.flush()
  t.ok(has((await read(path)).loading.into, 'after'))
})

t.test('a first start where nothing can be written rejects flushes, and closes', async (t) => {
  const path = join(t.testdir({ file: '' }), 'file', 'journal')
  const { journal, list } = await open(path)
  t.same(journal.damages.all, [])
  list.add({ kind: 'token', id: 'a', expiresAt: NOW + HOUR }, 'topic', NOW)
  await t.rejects(journal.flush(), /ENOTDIR|EEXIST/)
  await journal.close()
  t.equal(readFileSync(join(path, '..'), 'utf8'), '')
})

t.test('the lock that another process holds is tried every 100 ms, however long that lasts', async (t) => {
  const path = join(t.testdir(), 'journal')
  const release = await lock(path)
  const clock = new FakeClock()
  const reasons: string[] = []
  const ownership = new Ownership({ path, take: async () => {}, failed: (reason) => reasons.push(reason), clock })
  t.teardown(() => ownership.close())
  t.equal(await ownership.attempt(), false)
  for (let attempt = 0; attempt < 20; attempt++) {
    t.equal(clock.untilNext(), 100)
    clock.advance(100)
    t.equal(await ownership.attempt(), false)
  }
  await release()
  clock.advance(100)
  t.equal(await ownership.attempt(), true)
})

t.test('a journal that cannot be written is tried less and less often: every 2 s in the end', async (t) => {
  const path = join(t.testdir(), 'journal')
  const clock = new FakeClock()
  const take = () => Promise.reject(new Error('no space left on device'))
  const ownership = new Ownership({ path, take, failed: () => {}, clock })
  t.teardown(() => ownership.close())
  const delays: (number | undefined)[] = []
  for (let attempt = 0; attempt < 6; attempt++) {
    await ownership.attempt()
    delays.push(clock.untilNext())
    clock.advance(delays.at(-1) ?? 0)
  }
  t.same(delays, [250, 500, 1_000, 2_000, 2_000, 2_000])
})

t.test('a second close leaves the lock of the process that has the journal by then', async (t) => {
  const path = join(t.testdir(), 'journal')
  const first = await open(path)
  await first.journal.close()
  await openUntilEnd(t, path)
  await first.journal.close()
  await t.rejects(lock(path), { code: 'ERR_JOURNAL_LOCKED' })
})
