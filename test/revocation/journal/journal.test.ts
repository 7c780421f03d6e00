import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from 'node:fs'
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

t.test('what a process with the same number left, before it was given to this one, is taken over', async (t) => {
  const path = join(t.testdir(), 'journal')
  writeFileSync(`${path}.lock`, `${process.pid} 1`)
  const opened = await open(path)
  await opened.journal.close()
})

t.test('of many that open it at once, over what a dead process left, one gets it', async (t) => {
  const path = join(t.testdir(), 'journal')
  for (let round = 0; round < 20; round++) {
    writeFileSync(`${path}.lock`, '999999999 1')
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => open(path)))
    const opened = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
    if (opened.length > 1) t.fail(`${opened.length} of them have it`)
    for (const { journal } of opened) await journal.close()
  }
  t.same(readdirSync(join(path, '..')).sort(), ['journal'], 'nothing is left over')
})

t.test('a file that is written anew does not keep entries from the disk', async (t) => {
  const path = join(t.testdir(), 'journal')
  const { journal, list } = await open(path)
  // More at once than may wait: the file has to be written anew, from the list.
  for (const id of names(300_000)) list.add({ kind: 'token', id, expiresAt: NOW + HOUR }, 'topic', NOW)
  await journal.flush()
  const old = statSync(path).ino
  list.add({ kind: 'token', id: 'meanwhile', expiresAt: NOW + HOUR }, 'hub', NOW)
  journal.inStep(NOW)
  await journal.flush()
  t.equal(statSync(path).ino, old, 'the old file is in place')
  copyFileSync(path, `${path}.killed`)
  const killed = await open(`${path}.killed`)
  t.match(has(killed, 'meanwhile'), { source: 'hub' })
  t.equal(killed.inStepAt, undefined, 'it lacks entries, and does not say that it has them')
  await killed.journal.close()
  await journal.close()
  t.not(statSync(path).ino, old, 'closing waits for the new file')
  const whole = await open(path)
  t.equal(whole.list.size.tokens, 300_001)
  t.match(has(whole, 'meanwhile'), { source: 'hub' })
  t.equal(whole.inStepAt, NOW)
  await whole.journal.close()
  t.same(readdirSync(join(path, '..')).sort(), ['journal', 'journal.killed'], 'nothing is left over')
})

t.test('a damaged file does not vouch for the list', async (t) => {
  const path = join(t.testdir(), 'journal')
  const first = await open(path)
  first.list.add({ kind: 'token', id: 'a', expiresAt: NOW + HOUR }, 'topic', NOW)
  first.journal.inStep(NOW)
  await first.journal.flush()
  const sound = statSync(path).size
  first.list.add({ kind: 'token', id: 'b', expiresAt: NOW + HOUR }, 'topic', NOW)
  await first.journal.close()
  const bytes = readFileSync(path)
  writeFileSync(path, bytes.fill(0, sound, sound + 9))
  const opened = await open(path)
  t.ok(has(opened, 'a'))
  t.equal(opened.inStepAt, undefined)
  await opened.journal.close()
})

t.test('the file is for its owner alone', async (t) => {
  const path = await written(t, ['a'])
  chmodSync(path, 0o644)
  const opened = await open(path)
  await opened.journal.close()
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

t.test('what did not fit is appended when there is room again', async (t) => {
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
  const parts = { path, seed, list: again, logger: silent('test'), file, bytes: 20, inStepAt: undefined }
  const second = new Journal({ ...parts, release: async () => undefined })
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
    logger,
    listOf: (fingerprints) => new RevocationList({ fingerprints, timestampSkew: 5_000, retention: 24 * HOUR }),
  })
  mkdirSync(`${path}.new`) // where the new file would be
  for (const id of names(300_000)) opened.list.add({ kind: 'token', id, expiresAt: NOW + HOUR }, 'topic', NOW)
  await opened.journal.flush()
  opened.list.add({ kind: 'token', id: 'b', expiresAt: NOW + HOUR }, 'topic', NOW)
  await opened.journal.flush().catch(() => undefined)
  await opened.journal.flush()
  await opened.journal.close()
  t.ok(errors.length >= 1)
  rmdirSync(`${path}.new`)
  const again = await open(path)
  t.ok(has(again, 'a'))
  t.ok(has(again, 'b'))
  await again.journal.close()
})
