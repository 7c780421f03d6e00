import { copyFileSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import t, { type Test } from 'tap'
import { VERSION } from '../../src/journal/format.js'
import { acceptDamage } from '../../src/journal/index.js'
import { afterCompaction } from './file-syncs.js'
import { HOUR, has, NOW, names, open, openUntilEnd, read, soon } from './opened-journal.js'

/** A journal of three tokens, in step and closed, whose second entry has lost a bit. */
async function damaged(t: Test): Promise<string> {
  const path = join(t.testdir(), 'journal')
  const { journal, list } = await open(path)
  const sizes: number[] = []
  for (const id of names(3)) {
    list.add({ kind: 'token', id, expiresAt: NOW + HOUR }, 'topic', NOW)
    journal.inSync(NOW)
    journal.note('position', id)
    await journal.flush()
    sizes.push(statSync(path).size)
  }
  await journal.close()
  spoil(path, (sizes[0] ?? 0) + 20)
  return path
}

function spoil(path: string, at: number): void {
  const bytes = readFileSync(path)
  bytes[at] = (bytes[at] ?? 0) ^ 1
  writeFileSync(path, bytes)
}

t.test('a journal that is gone beside a length record without a byte can be accepted, too', async (t) => {
  const path = join(t.testdir(), 'journal')
  writeFileSync(`${path}.length`, '')
  const { journal } = await open(path)
  const [damage] = journal.damages.all
  t.match(damage, { id: /^[0-9a-f]{64}$/, reason: /journal missing/ })
  journal.damages.accept([damage?.id ?? ''])
  t.strictSame(journal.damages.all, [])
  await journal.close()
})

t.test('what can be read of a damaged journal is used; no mark or note of it is believed', async (t) => {
  const path = await damaged(t)
  const content = readFileSync(path)
  const { journal, ...opened } = await open(path)
  t.match(journal.damages.all, [{ id: /^[0-9a-f]{64}$/, reason: /damaged in bytes \d+ to \d+/ }])
  t.same(
    names(3).filter((id) => has(opened, id) !== undefined),
    ['token-0', 'token-2'],
  )
  t.equal(opened.inSyncAt, undefined)
  t.equal(opened.notes.size, 0)
  await journal.close()
  const aside = readdirSync(join(path, '..')).find((name) => name.includes('.damaged-'))
  t.same(readFileSync(join(path, '..', aside ?? '')), content)
})

t.test('the loss outlives restarts, with what is learnt since, until a store has been listed', async (t) => {
  const path = await damaged(t)
  const first = await open(path)
  const { all: damages } = first.journal.damages
  first.list.add({ kind: 'token', id: 'since', expiresAt: NOW + HOUR }, 'topic', NOW)
  first.journal.inSync(NOW)
  await first.journal.flush()
  await first.journal.close()
  const second = await open(path)
  t.same(second.journal.damages.all, damages)
  t.ok(has(second, 'since'))
  t.equal(second.inSyncAt, undefined)
  let told = 0
  second.journal.damages.onChange(() => told++)
  second.journal.damages.listed()
  second.journal.inSync(NOW)
  t.equal(told, 1)
  t.same(second.journal.damages.all, [])
  await second.journal.close()
  const third = await open(path)
  t.same(third.journal.damages.all, [])
  t.equal(third.inSyncAt, NOW)
  await third.journal.close()
})

t.test('the file that replaces a damaged one names the damage from its first moment', async (t) => {
  const path = await damaged(t)
  const copy = join(path, '..', 'copy')
  const replaced = afterCompaction(t, () => {
    copyFileSync(path, copy)
    copyFileSync(`${path}.length`, `${copy}.length`)
  })
  const { journal } = await open(path)
  const { all: damages } = journal.damages
  await replaced
  t.not(statSync(copy).size, 0)
  t.same((await read(copy)).damages, damages)
  await journal.close()
})

t.test('a damage that the configuration accepts by its hash is settled; the next one is not', async (t) => {
  const path = await damaged(t)
  const [damage] = (await read(path)).damages
  const accepted = { accepted: [damage?.id ?? ''] }
  const first = await open(path, NOW, 'these', accepted)
  t.same(first.journal.damages.all, [])
  t.equal(first.inSyncAt, undefined)
  await first.journal.flush()
  await first.journal.close()
  const without = await open(path)
  t.same(without.journal.damages.all, [], 'it is settled')
  await without.journal.close()

  for (const change of [() => spoil(path, 90), () => writeFileSync(path, ''), () => rmSync(path)]) {
    change()
    const again = await open(path, NOW, 'these', accepted)
    t.equal(again.journal.damages.all.length, 1)
    again.journal.damages.listed()
    await again.journal.flush()
    await again.journal.close()
  }
})

t.test('acceptDamage settles the damage of a journal that is open', async (t) => {
  const path = await damaged(t)
  const { journal } = await open(path)
  const settled = new Promise((resolve) => journal.damages.onChange(resolve))
  await acceptDamage(path, '0'.repeat(64))
  await acceptDamage(path, journal.damages.all[0]?.id ?? '')
  await soon(settled, 'the acceptance has no effect')
  t.same(journal.damages.all, [])
  await journal.close()
  const again = await open(path)
  t.same(again.journal.damages.all, [])
  await again.journal.close()
})

t.test('all files that were emptied at once are told apart', async (t) => {
  const path = join(t.testdir({ journal: '', 'journal.length': '' }), 'journal')
  const [first] = (await read(path)).damages
  const opened = await open(path, NOW, 'these', { accepted: [first?.id ?? ''] })
  t.same(opened.journal.damages.all, [])
  await opened.journal.close()
  writeFileSync(path, '')
  writeFileSync(`${path}.length`, '')
  const [second] = (await read(path)).damages
  t.not(second?.id, first?.id)
})

t.test('a journal of another version stays as it is until it is accepted, or a store was listed', async (t) => {
  const path = await damaged(t)
  const bytes = readFileSync(path)
  bytes.writeUInt8(VERSION + 1, 7)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 16)), 16)
  writeFileSync(path, bytes)
  const first = await open(path)
  t.match(first.journal.damages.all, [{ reason: /format version 5/ }])
  await t.rejects(first.journal.flush(), /format version 5 .* a newer mgw wrote it: start that one/)
  await first.journal.close()
  t.same(readFileSync(path), bytes)
  const second = await openUntilEnd(t, path)
  second.list.add({ kind: 'token', id: 'a', expiresAt: NOW + HOUR }, 'topic', NOW)
  second.journal.damages.listed()
  await second.owned()
  await second.journal.flush()
  await second.journal.close()
  const third = await open(path)
  t.same(third.journal.damages.all, [])
  t.ok(has(third, 'a'))
  await third.journal.close()
})
