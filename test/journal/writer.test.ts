import { mkdirSync, readdirSync, readFileSync, rmdirSync, statSync } from 'node:fs'
import { open as openFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { Journal } from '../../src/journal/journal.js'
import { openJournal } from '../../src/journal/open.js'
import { silent } from '../../src/logging/index.js'
import { RevocationList } from '../../src/revocation/revocation-list.js'
import { Fingerprinter } from '../../src/token/fingerprint.js'
import { afterCompaction, interceptSyncs } from './file-syncs.js'
import { copyBoth, HOUR, has, NOW, names, open, owned, written } from './opened-journal.js'

t.test('expired entries are read, as the clock may be wrong; when most were swept the file is compacted', async (t) => {
  const path = join(t.testdir(), 'journal')
  const first = await open(path)
  const complete = afterCompaction(t)
  for (const id of names(600_000)) first.list.add({ kind: 'token', id, expiresAt: NOW + HOUR }, 'topic', NOW)
  first.list.add({ kind: 'token', id: 'long', expiresAt: NOW + 60 * HOUR }, 'topic', NOW)
  await complete
  first.journal.inSync(NOW)
  await first.journal.close()
  const before = statSync(path).size
  const later = await open(path, NOW + 30 * HOUR)
  t.equal(later.list.size.tokens, 600_001)
  while (!later.list.sweep(NOW + 30 * HOUR, 1_000).finished);
  t.equal(later.list.size.tokens, 1)
  t.equal(later.inSyncAt, NOW)
  const compacted = afterCompaction(t)
  later.list.add({ kind: 'token', id: 'new', expiresAt: NOW + 60 * HOUR }, 'hub', NOW)
  await compacted
  await later.journal.close()
  t.ok(statSync(path).size < before / 100, `${before} bytes became ${statSync(path).size}`)
  const last = await open(path, NOW + 30 * HOUR)
  t.match(has(last, 'long'), { source: 'topic' })
  t.match(has(last, 'new'), { source: 'hub' })
  t.equal(last.inSyncAt, NOW, 'the mark outlives the rewriting')
  await last.journal.close()
})

t.test('entries reach the disk while the file is compacted', async (t) => {
  const path = join(t.testdir(), 'journal')
  const { journal, list } = await open(path)
  // More at once than may wait: the file has to be written anew, from the list.
  for (const id of names(300_000)) list.add({ kind: 'token', id, expiresAt: NOW + HOUR }, 'topic', NOW)
  await t.rejects(journal.flush(), /compaction pending/, 'what was dropped is not on disk')
  const old = statSync(path).ino
  list.add({ kind: 'token', id: 'meanwhile', expiresAt: NOW + HOUR }, 'hub', NOW)
  journal.inSync(NOW)
  await t.rejects(journal.flush(), /compaction pending/, 'what was dropped is not on disk')
  t.equal(statSync(path).ino, old, 'the old file is in place')
  copyBoth(path, `${path}.killed`)
  const killed = await open(`${path}.killed`)
  t.match(has(killed, 'meanwhile'), { source: 'hub' })
  t.equal(killed.inSyncAt, undefined, 'it lacks entries, and does not say that it has them')
  await killed.journal.close()
  await journal.close()
  t.not(statSync(path).ino, old, 'closing waits for the new file')
  const whole = await open(path)
  t.equal(whole.list.size.tokens, 300_001)
  t.match(has(whole, 'meanwhile'), { source: 'hub' })
  t.equal(whole.inSyncAt, NOW)
  await whole.journal.close()
  t.same(
    readdirSync(join(path, '..')).sort(),
    ['journal', 'journal.killed', 'journal.killed.length', 'journal.length'],
    'nothing is left over',
  )
})

t.test('a compacted file states to be in sync only at a moment all of whose entries it holds', async (t) => {
  const path = join(t.testdir(), 'journal')
  const { journal, list } = await open(path)
  let late = 0
  // While a file is synced, more entries arrive, and the list is in sync again.
  await interceptSyncs(t, (_, sync) => {
    list.add({ kind: 'token', id: `late-${++late}`, expiresAt: NOW + HOUR }, 'topic', NOW)
    journal.inSync(NOW + late)
    return sync()
  })
  const compacted = afterCompaction(t, () => copyBoth(path, `${path}-crashed`))
  for (const id of names(300_000)) list.add({ kind: 'token', id, expiresAt: NOW + HOUR }, 'topic', NOW)
  await compacted
  await journal.close()
  const copy = await open(`${path}-crashed`, NOW + HOUR)
  const vouched = Array.from({ length: (copy.inSyncAt ?? NOW) - NOW }, (_, i) => `late-${i + 1}`)
  t.same(
    vouched.filter((id) => has(copy, id) === undefined),
    [],
  )
  await copy.journal.close()
})

t.test('a full disk is a status, not a crash; the list is written whole once there is space', async (t) => {
  const path = join(t.testdir(), 'journal')
  const fingerprints = Fingerprinter.random()
  const list = new RevocationList({ fingerprints, retention: HOUR })
  const { seed } = fingerprints
  const parts = { path, seed, list, logger: silent('test'), sources: '', inSyncAt: undefined }
  const journal = new Journal({ ...parts, release: async () => undefined })
  await journal.own(await owned(path, await openFile('/dev/full', 'r+')))
  list.onChange((entry) => journal.append(entry))
  list.add({ kind: 'token', id: 'a', expiresAt: NOW + HOUR }, 'topic', NOW)
  await t.rejects(journal.flush(), /ENOSPC/)
  t.match(journal.status().error, /ENOSPC/)
  await journal.flush()
  t.equal(journal.status().error, undefined)
  await journal.close()
  const opened = await open(path)
  t.ok(has(opened, 'a'))
  await opened.journal.close()
})

t.test('what did not fit is appended once there is space', async (t) => {
  const path = join(t.testdir(), 'journal')
  const { journal, list } = await open(path)
  await journal.close()
  const file = await openFile(path, 'r+')
  let full = true
  const write = file.write.bind(file)
  t.intercept(file, 'write', {
    // A disk that takes some bytes and then no more.
    value: async (bytes: Buffer, offset: number, length: number, position: number) => {
      if (!full) return write(bytes, offset, length, position)
      if (offset > 0) throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
      return write(bytes, offset, 7, position)
    },
  })
  const inode = statSync(path).ino
  const seed = readFileSync(path).subarray(8, 16)
  const fingerprints = new Fingerprinter(seed)
  const again = new RevocationList({ fingerprints, retention: HOUR })
  const parts = { path, seed, list: again, logger: silent('test'), sources: '', inSyncAt: undefined }
  const second = new Journal({ ...parts, release: async () => undefined })
  await second.own(await owned(path, file))
  again.onChange((entry) => second.append(entry))
  again.add({ kind: 'token', id: 'a', expiresAt: NOW + HOUR }, 'topic', NOW)
  await t.rejects(second.flush(), /ENOSPC/)
  full = false
  again.add({ kind: 'token', id: 'b', expiresAt: NOW + HOUR }, 'topic', NOW)
  await second.flush()
  await second.close()
  t.equal(statSync(path).ino, inode, 'without a new file')
  t.equal(list.size.tokens, 0)
  const opened = await open(path)
  t.ok(has(opened, 'a'))
  t.ok(has(opened, 'b'))
  await opened.journal.close()
})

t.test('a directory that cannot be written leaves the old file as it is; appending goes on', async (t) => {
  const path = await written(t, ['a'])
  const errors: string[] = []
  const logger = { ...silent('test'), error: (text: string) => errors.push(text) }
  const opened = await openJournal({
    path,
    now: NOW,
    sources: 'these',
    logger,
    listOf: (fingerprints) => new RevocationList({ fingerprints, retention: 24 * HOUR }),
  })
  mkdirSync(`${path}.new`) // where the new file would be
  for (const id of names(300_000)) opened.list.add({ kind: 'token', id, expiresAt: NOW + HOUR }, 'topic', NOW)
  await t.rejects(opened.journal.flush(), /compaction pending/, 'not all of it is on disk')
  opened.list.add({ kind: 'token', id: 'b', expiresAt: NOW + HOUR }, 'topic', NOW)
  await opened.journal.flush().catch(() => undefined)
  await t.rejects(opened.journal.flush(), /compaction pending/)
  await opened.journal.close()
  t.ok(errors.length >= 1)
  rmdirSync(`${path}.new`)
  const again = await open(path)
  t.ok(has(again, 'a'))
  t.ok(has(again, 'b'))
  await again.journal.close()
})
