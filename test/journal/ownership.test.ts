import { mkdirSync, readFileSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { lock } from '../../src/journal/lock.js'
import { Ownership } from '../../src/journal/ownership.js'
import { silent } from '../../src/logging/index.js'
import type { Entry } from '../../src/revocation/entry.js'
import { FakeClock } from '../time/fake-clock.js'
import { HOUR, has, NOW, open, read } from './opened-journal.js'

/** Resolves when a journal has been owned. */
function owned(journal: { status(): { readonly owned: boolean } }): Promise<void> {
  return new Promise((resolve) => {
    const poll = setInterval(() => {
      if (!journal.status().owned) return
      clearInterval(poll)
      resolve()
    }, 5)
  })
}

async function opened(t: Test, path: string, more = {}) {
  const made = await open(path, NOW, 'these', more)
  t.teardown(() => made.journal.close())
  return made
}

t.test(
  'a journal that another process has is read, and owned when that one is done, with all that it wrote',
  async (t) => {
    const path = join(t.testdir(), 'journal')
    const first = await open(path)
    first.list.add({ kind: 'token', id: 'before', expiresAt: NOW + HOUR }, 'topic', NOW)
    await first.journal.flush()

    const second = await opened(t, path)
    t.ok(has(second, 'before'))
    t.match(second.journal.status(), { owned: false, error: /in use by another process/ })
    second.list.add({ kind: 'token', id: 'here', expiresAt: NOW + HOUR }, 'topic', NOW)
    await t.rejects(second.journal.flush(), /in use by another process/, 'nobody is told that it is durable')

    const told: Entry[] = []
    second.list.onChange((entry) => told.push(entry))
    first.list.add({ kind: 'token', id: 'meanwhile', expiresAt: NOW + HOUR }, 'hub', NOW)
    await first.journal.close()
    await owned(second.journal)
    t.match(has(second, 'meanwhile'), { source: 'hub' })
    t.equal(told.length, 1, 'workers hear of it')
    await second.journal.flush()
    t.match(second.journal.status(), { owned: true, error: undefined, damage: undefined })
    const { damages, loading } = await read(path)
    t.same(damages, [])
    for (const id of ['before', 'here', 'meanwhile']) t.ok(has(loading.into, id), id)
  },
)

t.test('also if that one has put a new file in place meanwhile', async (t) => {
  const path = join(t.testdir(), 'journal')
  const first = await open(path)
  const second = await opened(t, path)
  for (let i = 0; i < 300_000; i++) {
    first.list.add({ kind: 'token', id: `token-${i}`, expiresAt: NOW + HOUR }, 'topic', NOW)
  }
  await first.journal.close()
  await owned(second.journal)
  t.equal(second.list.size.tokens, 300_000)
  await second.journal.flush()
  t.same((await read(path)).damages, [])
})

t.test('a first start beside one that has just begun shares its journal', async (t) => {
  const path = join(t.testdir(), 'journal')
  const [first, second] = await Promise.all([open(path), open(path)])
  t.same(first?.fingerprints.seed, second?.fingerprints.seed)
  const [owner, other] = first?.journal.status().owned ? [first, second] : [second, first]
  owner?.list.add({ kind: 'token', id: 'a', expiresAt: NOW + HOUR }, 'topic', NOW)
  await owner?.journal.close()
  if (other === undefined) throw new Error('two were opened')
  await owned(other.journal)
  t.ok(has(other, 'a'))
  await other.journal.close()
})

t.test('where nothing can be written, what is there is read; it is written once it can be', async (t) => {
  const path = join(t.testdir(), 'journal')
  const first = await open(path)
  first.list.add({ kind: 'token', id: 'before', expiresAt: NOW + HOUR }, 'topic', NOW)
  first.journal.inStep(NOW)
  first.journal.note('position', 1)
  await first.journal.close()

  mkdirSync(`${path}.lock`) // as on a disk that takes no file there
  const warnings: string[] = []
  const second = await opened(t, path, { logger: { ...silent('test'), warn: (text: string) => warnings.push(text) } })
  t.ok(has(second, 'before'))
  t.equal(second.inStepAt, NOW)
  t.equal(second.notes.get('position'), 1)
  t.match(second.journal.status(), { owned: false })
  t.equal(warnings.length, 1)
  second.list.add({ kind: 'token', id: 'after', expiresAt: NOW + HOUR }, 'topic', NOW)
  await t.rejects(second.journal.flush())
  rmdirSync(`${path}.lock`)
  await owned(second.journal)
  await second.journal.flush()
  t.ok(has((await read(path)).loading.into, 'after'))
})

t.test('a first start where nothing can be written is told so, and closes', async (t) => {
  const path = join(t.testdir({ file: '' }), 'file', 'journal')
  const { journal, list } = await open(path)
  t.same(journal.damages, [])
  list.add({ kind: 'token', id: 'a', expiresAt: NOW + HOUR }, 'topic', NOW)
  await t.rejects(journal.flush(), /ENOTDIR|EEXIST/)
  await journal.close()
  t.equal(readFileSync(join(path, '..'), 'utf8'), '')
})

t.test('a journal that another process has is asked for every 100 ms, however long that lasts', async (t) => {
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

t.test('a journal that cannot be written is tried less and less often: every 2 s at last', async (t) => {
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
