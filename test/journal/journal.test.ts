import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { open as openFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { Journal } from '../../src/journal/journal.js'
import { silent } from '../../src/logging/index.js'
import { RevocationList } from '../../src/revocation/revocation-list.js'
import { Fingerprinter } from '../../src/token/fingerprint.js'
import { identify } from '../../src/token/identity.js'
import { interceptSyncs } from './file-syncs.js'
import { HOUR, has, NOW, names, open, owned, read, soon, written } from './opened-journal.js'

t.test('what was appended is there after a restart, with where it came from', async (t) => {
  const path = await written(t, names(10_000))
  const opened = await open(path)
  t.equal(opened.list.size.tokens, 10_000)
  t.match(has(opened, 'token-42'), { by: 'token', source: 'topic', learntAt: NOW })
  t.equal(has(opened, 'another'), undefined)
  await opened.journal.close()
})

t.test('what comes after the journal was closed is not on disk: a flush rejects', async (t) => {
  const path = join(t.testdir(), 'journal')
  const { journal, list } = await open(path)
  await journal.close()
  list.add({ kind: 'token', id: 'late', expiresAt: NOW + HOUR }, 'gateway', NOW)
  await t.rejects(journal.flush(), /closed/)
})

t.test('a rule is there after a restart, with where it came from', async (t) => {
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

t.test('the file is for its owner alone', async (t) => {
  const path = await written(t, ['a'])
  chmodSync(path, 0o644)
  const opened = await open(path)
  await opened.journal.close()
  t.equal(statSync(path).mode & 0o777, 0o600)
  t.equal(statSync(join(path, '..')).mode & 0o777, 0o700)
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
  const list = new RevocationList({ fingerprints, retention: HOUR })
  const parts = { path, seed: fingerprints.seed, list, logger: silent('test'), sources: '', inSyncAt: undefined }
  const journal = new Journal({ ...parts, release: async () => undefined })
  await journal.close()
  const handle = await openFile(path, 'r+')
  await journal.own(await owned(path, handle))
  t.equal(handle.fd, -1)
})
