import { appendFileSync, copyFileSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { decodeBlock, encodeNumbered, HEADER_BYTES } from '../../src/journal/format.js'
import { afterCompaction } from './file-syncs.js'
import { HOUR, has, NOW, names, older, open, read } from './opened-journal.js'

/** No version has used it. */
const NEWER_KIND = 77

t.test('the last note of each name survives a restart', async (t) => {
  const path = join(t.testdir(), 'journal')
  const { journal, notes } = await open(path)
  t.equal(notes.size, 0)
  journal.note('position', { revision: 1 })
  await journal.flush()
  journal.note('position', { revision: 2 })
  journal.note('clock', [NOW, null])
  await journal.close()
  const again = await open(path)
  t.same(Object.fromEntries(again.notes), { position: { revision: 2 }, clock: [NOW, null] })
  await again.journal.close()
})

t.test('a note follows what was appended before it: a file that is cut has both, or not the note', async (t) => {
  const directory = t.testdir()
  const path = join(directory, 'journal')
  const { journal, list } = await open(path)
  for (const [index, id] of names(4).entries()) {
    list.add({ kind: 'token', id, expiresAt: NOW + HOUR }, 'topic', NOW)
    journal.note('position', index + 1)
    await journal.flush()
  }
  await journal.close()
  const bytes = older(readFileSync(path))
  for (let cut = HEADER_BYTES; cut <= bytes.length; cut++) {
    const torn = join(directory, 'torn')
    writeFileSync(torn, bytes.subarray(0, cut))
    const { loading, damages } = await read(torn)
    const noted = loading.notes.get('position') ?? 0
    const there = loading.into.list.size.tokens
    if (damages.length > 0 || there < Number(noted)) t.fail(`cut at ${cut}: ${noted} are noted, ${there} are there`)
  }
  t.pass(`${bytes.length} cuts`)
})

t.test('a note waits while the file is incomplete, and survives the compaction', async (t) => {
  const path = join(t.testdir(), 'journal')
  const { journal, list } = await open(path)
  journal.note('before', true)
  await journal.flush()
  // More at once than may wait: a compaction has to write them from the list.
  for (const id of names(300_000)) list.add({ kind: 'token', id, expiresAt: NOW + HOUR }, 'topic', NOW)
  journal.note('after', true)
  await t.rejects(journal.flush())
  for (const suffix of ['', '.length']) copyFileSync(`${path}${suffix}`, `${path}.killed${suffix}`)
  await afterCompaction(t)
  await journal.close()
  const killed = await open(`${path}.killed`)
  t.same([...killed.notes.keys()], ['before'])
  await killed.journal.close()
  const whole = await open(path)
  t.same([...whole.notes.keys()], ['before', 'after'])
  t.equal(whole.list.size.tokens, 300_000)
  await whole.journal.close()
})

t.test('the notes of a damaged file are not used', async (t) => {
  const path = join(t.testdir(), 'journal')
  const { journal, list } = await open(path)
  list.add({ kind: 'token', id: 'a', expiresAt: NOW + HOUR }, 'topic', NOW)
  journal.note('position', 1)
  await journal.flush()
  const noted = statSync(path).size
  list.add({ kind: 'token', id: 'b', expiresAt: NOW + HOUR }, 'topic', NOW)
  await journal.close()
  const bytes = readFileSync(path)
  writeFileSync(path, bytes.fill(0, noted, noted + 9))
  const opened = await open(path)
  t.equal(opened.notes.size, 0)
  await opened.journal.close()
})

t.test('a note that is too long, or of one name too many, is a RangeError', async (t) => {
  const { journal } = await open(join(t.testdir(), 'journal'))
  t.teardown(() => journal.close())
  t.throws(() => journal.note('long', 'x'.repeat(70_000)), RangeError)
  for (const name of names(64)) journal.note(name, 1)
  journal.note('token-0', 2)
  t.throws(() => journal.note('token-64', 1), RangeError)
})

t.test('blocks of kinds that a newer version writes are skipped, and copied by a compaction', async (t) => {
  const path = join(t.testdir(), 'journal')
  const first = await open(path)
  first.list.add({ kind: 'token', id: 'before', expiresAt: NOW + HOUR }, 'topic', NOW)
  await first.journal.close()
  const newer = [Buffer.from('newer revocations'), Buffer.alloc(1 << 20, 7), Buffer.alloc(0)]
  for (const payload of newer) appendFileSync(path, encodeNumbered(NEWER_KIND, payload))
  const second = await open(path)
  second.list.add({ kind: 'token', id: 'after', expiresAt: NOW + HOUR }, 'topic', NOW)
  await second.journal.close()
  // Compacted twice: the second copies what the first has copied.
  for (const round of ['one', 'two']) {
    const inode = statSync(path).ino
    const opened = await open(path)
    for (const id of names(300_000)) {
      opened.list.add({ kind: 'token', id: `${round}-${id}`, expiresAt: NOW + HOUR }, 'topic', NOW)
    }
    await afterCompaction(t)
    await opened.journal.close()
    t.not(statSync(path).ino, inode)
  }
  t.same(unknownPayloads(readFileSync(path)), newer)
  const third = await open(path)
  t.ok(has(third, 'before'))
  t.ok(has(third, 'after'))
  t.equal(third.list.size.tokens, 600_002)
  await third.journal.close()
})

function unknownPayloads(file: Buffer): Buffer[] {
  const payloads: Buffer[] = []
  for (let at = HEADER_BYTES; at < file.length; ) {
    const next = decodeBlock(file, at)
    if (typeof next === 'string') throw new Error(next)
    if (next.block?.number === NEWER_KIND) payloads.push(next.block.payload)
    at = next.end
  }
  return payloads
}
