import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { type FileHandle, open as openFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Journal, openJournal } from '../../src/journal/index.js'
import { JournalFile } from '../../src/journal/journal-file.js'
import { LengthRecord, NO_GENERATION } from '../../src/journal/length-record.js'
import { Loading } from '../../src/journal/loading.js'
import { readJournal } from '../../src/journal/read.js'
import type { WritableJournal } from '../../src/journal/writer.js'
import { silent } from '../../src/logging/index.js'
import { RevocationList } from '../../src/revocation/revocation-list.js'
import { Fingerprinter } from '../../src/token/fingerprint.js'
import { identify } from '../../src/token/identity.js'
import { afterCompaction, interceptSyncs } from './file-syncs.js'
import { HOUR, has, NOW, names, open, read, soon } from './opened-journal.js'

/** What `openJournal` makes of a whole journal whose file is this. */
async function owned(path: string, handle: FileHandle): Promise<WritableJournal> {
  const snapshot = await readJournal(
    path,
    new Loading(
      { now: NOW, sources: '' },
      (fingerprints) => new RevocationList({ fingerprints, timestampSkew: 0, retention: HOUR }),
    ),
  )
  const { validBytes = 0, generation = NO_GENERATION } = snapshot.found.contents ?? {}
  const file = new JournalFile(handle, validBytes, generation)
  return { file, record: await LengthRecord.open(path), inPlace: file.extent, mustReplace: false }
}

/** What a crash would leave, under another name. */
function copyBoth(path: string, copy: string): void {
  copyFileSync(path, copy)
  copyFileSync(`${path}.length`, `${copy}.length`)
}

/** A journal of some tokens, closed. */
async function written(t: Test, ids: readonly string[]): Promise<string> {
  const path = join(t.testdir(), 'state', 'revocations.journal')
  const { journal, list } = await open(path)
  for (const id of ids) list.add({ kind: 'token', id, expiresAt: NOW + HOUR }, 'topic', NOW)
  await journal.close()
  return path
}

t.test('what was appended is there after a restart, with where it came from', async (t) => {
  const path = await written(t, names(10_000))
  const opened = await open(path)
  t.equal(opened.list.size.tokens, 10_000)
  t.match(has(opened, 'token-42'), { by: 'token', source: 'topic', learntAt: NOW })
  t.equal(has(opened, 'another'), undefined)
  await opened.journal.close()
})

t.test('nothing is on disk that comes when the journal has been closed', async (t) => {
  const path = join(t.testdir(), 'journal')
  const { journal, list } = await open(path)
  await journal.close()
  list.add({ kind: 'token', id: 'late', expiresAt: NOW + HOUR }, 'gateway', NOW)
  await t.rejects(journal.flush(), /closed/)
})

t.test('rules too', async (t) => {
  const path = join(t.testdir(), 'journal')
  const first = await open(path)
  first.list.add({ kind: 'subject', id: 'alice', revokedBefore: NOW, expiresAt: undefined }, 'hub', NOW)
  await first.journal.close()
  const second = await open(path)
  const token = identify({ kind: 'opaque', token: 'x' }, { sub: 'alice', iat: NOW / 1000 - 1 }, second.fingerprints)
  t.match(second.list.find(token), { by: 'subject', source: 'hub' })
  await second.journal.close()
})

t.test('flush resolves when it is on disk: a reader that comes then finds it', async (t) => {
  const path = join(t.testdir(), 'journal')
  const { journal, list } = await open(path)
  list.add({ kind: 'token', id: 'a', expiresAt: NOW + HOUR }, 'topic', NOW)
  await journal.flush()
  writeFileSync(`${path}.copy`, readFileSync(path))
  const copy = await open(`${path}.copy`)
  t.ok(has(copy, 'a'))
  await Promise.all([journal.close(), copy.journal.close()])
})

t.test('a mark speaks of its own sources, and not from the future', async (t) => {
  const path = await written(t, ['a'])
  const first = await open(path)
  first.journal.inSync(NOW)
  await first.journal.close()
  const inSyncAt = async (now: number, sources: string) => {
    const opened = await open(path, now, sources)
    await opened.journal.close()
    return opened.inSyncAt
  }
  t.equal(await inSyncAt(NOW, 'these'), NOW)
  t.equal(await inSyncAt(NOW + HOUR, 'these'), NOW)
  t.equal(await inSyncAt(NOW, 'others'), undefined)
  t.equal(await inSyncAt(NOW - 30_000, 'these'), NOW - 30_000, 'a clock that was set a little')
  t.equal(await inSyncAt(NOW - HOUR, 'these'), undefined, 'the age is not known')
  t.equal(await inSyncAt(NOW, 'these'), NOW)
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

t.test('all is read, for the clock may be wrong; when most of it was swept the file is compacted', async (t) => {
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

t.test('the file is for its owner alone', async (t) => {
  const path = await written(t, ['a'])
  chmodSync(path, 0o644)
  const opened = await open(path)
  await opened.journal.close()
  t.equal(statSync(path).mode & 0o777, 0o600)
  t.equal(statSync(join(path, '..')).mode & 0o777, 0o700)
})

t.test('a full disk is a status, not a crash; the list is written whole once there is space', async (t) => {
  const path = join(t.testdir(), 'journal')
  const fingerprints = Fingerprinter.random()
  const list = new RevocationList({ fingerprints, timestampSkew: 0, retention: HOUR })
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
  const again = new RevocationList({ fingerprints, timestampSkew: 0, retention: HOUR })
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
    listOf: (fingerprints) => new RevocationList({ fingerprints, timestampSkew: 5_000, retention: 24 * HOUR }),
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

t.test('close waits for the write that a timer has begun, and writes what arrived meanwhile', async (t) => {
  const path = join(t.testdir(), 'journal')
  const errors: string[] = []
  const logger = { ...silent('test'), error: (text: string) => errors.push(text) }
  const { journal, list } = await open(path, NOW, 'these', { logger })
  let proceed = () => {}
  const held = new Promise<void>((resolve) => {
    proceed = resolve
  })
  const begun = new Promise<void>((resolve, reject) => {
    interceptSyncs(t, async (_, sync) => {
      resolve()
      await held
      await sync()
    }).then(() => list.add({ kind: 'token', id: 'a', expiresAt: NOW + HOUR }, 'topic', NOW), reject)
  })
  await soon(begun, 'no write has begun')
  const closed = journal.close()
  list.add({ kind: 'token', id: 'b', expiresAt: NOW + HOUR }, 'topic', NOW)
  proceed()
  await closed
  t.same(errors, [])
  const { damages, loading } = await read(path)
  t.same(damages, [])
  for (const id of ['a', 'b']) t.ok(has(loading.into, id), id)
})

t.test('a journal that was closed before it could be owned releases the files', async (t) => {
  const path = await written(t, ['a'])
  const fingerprints = Fingerprinter.random()
  const list = new RevocationList({ fingerprints, timestampSkew: 0, retention: HOUR })
  const parts = { path, seed: fingerprints.seed, list, logger: silent('test'), sources: '', inSyncAt: undefined }
  const journal = new Journal({ ...parts, release: async () => undefined })
  await journal.close()
  const handle = await openFile(path, 'r+')
  await journal.own(await owned(path, handle))
  t.equal(handle.fd, -1)
})
