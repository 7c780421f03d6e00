import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { open as openFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { silent } from '../../../src/logging/index.js'
import { Fingerprinter } from '../../../src/revocation/fingerprint.js'
import { Journal, type OpenedJournal, openJournal } from '../../../src/revocation/journal/index.js'
import { RevocationList } from '../../../src/revocation/list/index.js'
import { identify, type OpaqueToken } from '../../../src/revocation/token-id.js'

const NOW = Date.UTC(2026, 0, 1)
const HOUR = 3_600_000

function open(path: string, now = NOW): Promise<OpenedJournal> {
  return openJournal({
    path,
    now,
    logger: silent('test'),
    listOf: (fingerprints) => new RevocationList({ fingerprints, timestampSkew: 5_000, retention: 24 * HOUR }),
  })
}

/** A journal of some tokens, closed. */
async function written(t: Test, ids: readonly string[]): Promise<string> {
  const path = join(t.testdir(), 'state', 'revocations.journal')
  const { journal, list } = await open(path)
  for (const id of ids) list.add({ kind: 'token', id, expiresAt: NOW + HOUR }, 'topic', NOW)
  await journal.close()
  return path
}

function has({ list, fingerprints }: OpenedJournal, id: string) {
  const credential: OpaqueToken = { kind: 'opaque', token: id }
  return list.find(identify(credential, {}, fingerprints), NOW)
}

const names = (count: number) => Array.from({ length: count }, (_, i) => `token-${i}`)

t.test('what was appended is there after a restart, with where it came from', async (t) => {
  const path = await written(t, names(10_000))
  const opened = await open(path)
  t.equal(opened.list.size.tokens, 10_000)
  t.match(has(opened, 'token-42'), { by: 'token', source: 'topic', learntAt: NOW })
  t.equal(has(opened, 'another'), undefined)
  await opened.journal.close()
})

t.test('rules too', async (t) => {
  const path = join(t.testdir(), 'journal')
  const first = await open(path)
  first.list.add({ kind: 'subject', id: 'alice', revokedBefore: NOW, expiresAt: undefined }, 'hub', NOW)
  await first.journal.close()
  const second = await open(path)
  const token = identify({ kind: 'opaque', token: 'x' }, { sub: 'alice', iat: NOW / 1000 - 1 }, second.fingerprints)
  t.match(second.list.find(token, NOW), { by: 'subject', source: 'hub' })
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

t.test('a file that is cut at any byte gives back whole batches before the cut, and never garbage', async (t) => {
  const directory = t.testdir()
  const path = join(directory, 'journal')
  const { journal, list } = await open(path)
  const ends: number[] = []
  for (const id of names(6)) {
    list.add({ kind: 'token', id, expiresAt: NOW + HOUR }, 'topic', NOW)
    await journal.flush()
    ends.push(statSync(path).size)
  }
  await journal.close()
  const bytes = readFileSync(path)
  for (let cut = 0; cut <= bytes.length; cut++) {
    const torn = join(directory, 'torn')
    writeFileSync(torn, bytes.subarray(0, cut))
    const opened = await open(torn)
    const whole = ends.filter((end) => end <= cut).length
    if (opened.list.size.tokens !== whole) t.fail(`cut at ${cut}: ${opened.list.size.tokens} instead of ${whole}`)
    opened.list.add({ kind: 'token', id: 'after', expiresAt: NOW + HOUR }, 'topic', NOW)
    await opened.journal.close()
    const again = await open(torn)
    if (again.list.size.tokens !== whole + 1) t.fail(`cut at ${cut}: what was appended afterwards is lost`)
    await again.journal.close()
  }
  t.pass(`${bytes.length + 1} cuts`)
})

t.test('a bit that flips ends the trust there; the file is set aside; nothing false comes in', async (t) => {
  const path = await written(t, names(20_000))
  const bytes = readFileSync(path)
  const at = Math.floor(bytes.length / 2)
  bytes[at] = (bytes[at] ?? 0) ^ 0x10
  writeFileSync(path, bytes)
  const opened = await open(path)
  t.ok(opened.list.size.tokens < 20_000)
  for (const id of names(20_000)) if (has(opened, id) === undefined) break
  t.ok(readdirSync(join(path, '..')).some((name) => name.includes('.damaged-')))
  await opened.journal.close()
})

t.test('a file of another kind, or version, is set aside and never trusted', async (t) => {
  for (const content of ['something else altogether', 'MGWJRNL\x02aaaaaaaabbbb', '\0'.repeat(1_000)]) {
    const path = join(t.testdir(), 'journal')
    writeFileSync(path, content)
    const opened = await open(path)
    t.equal(opened.list.size.tokens, 0)
    opened.list.add({ kind: 'token', id: 'a', expiresAt: NOW + HOUR }, 'topic', NOW)
    await opened.journal.close()
    const aside = readdirSync(join(path, '..')).find((name) => name.includes('.foreign-'))
    t.equal(readFileSync(join(path, '..', aside ?? ''), 'latin1'), content)
    const again = await open(path)
    t.ok(has(again, 'a'))
    await again.journal.close()
  }
})

t.test('what has expired is not read, and when most of it has the file is written anew', async (t) => {
  const path = join(t.testdir(), 'journal')
  const first = await open(path)
  for (const id of names(600_000)) first.list.add({ kind: 'token', id, expiresAt: NOW + HOUR }, 'topic', NOW)
  first.list.add({ kind: 'token', id: 'long', expiresAt: NOW + 20 * HOUR }, 'topic', NOW)
  first.journal.inStep(NOW)
  await first.journal.close()
  const before = statSync(path).size
  const later = await open(path, NOW + 10 * HOUR)
  t.equal(later.list.size.tokens, 1)
  t.equal(later.inStepAt, NOW)
  later.list.add({ kind: 'token', id: 'new', expiresAt: NOW + 20 * HOUR }, 'hub', NOW)
  await later.journal.close()
  t.ok(statSync(path).size < before / 100, `${before} bytes became ${statSync(path).size}`)
  const last = await open(path, NOW + 10 * HOUR)
  t.match(has(last, 'long'), { source: 'topic' })
  t.match(has(last, 'new'), { source: 'hub' })
  t.equal(last.inStepAt, NOW, 'the mark outlives the rewriting')
  await last.journal.close()
})

t.test('a second process, or a second opening, is refused; what a dead process left is taken over', async (t) => {
  const path = join(t.testdir(), 'journal')
  const first = await open(path)
  await t.rejects(open(path), { code: 'ERR_JOURNAL_LOCKED' })
  await first.journal.close()
  writeFileSync(`${path}.lock`, '999999999 1')
  const second = await open(path)
  await second.journal.close()
  t.notOk(existsSync(`${path}.lock`))
})

t.test('the file is for its owner alone', async (t) => {
  const path = await written(t, ['a'])
  t.equal(statSync(path).mode & 0o777, 0o600)
  t.equal(statSync(join(path, '..')).mode & 0o777, 0o700)
})

t.test('a full disk is a status, not a crash; the list is written whole when there is room again', async (t) => {
  const path = join(t.testdir(), 'journal')
  const fingerprints = Fingerprinter.random()
  const list = new RevocationList({ fingerprints, timestampSkew: 0, retention: HOUR })
  const file = await openFile('/dev/full', 'r+')
  const parts = { path, seed: fingerprints.seed, list, logger: silent('test'), file, bytes: 0, inStepAt: undefined }
  const journal = new Journal({ ...parts, release: async () => undefined })
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
