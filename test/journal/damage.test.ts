import { copyFileSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import t, { type Test } from 'tap'
import { accept } from '../../src/journal/index.js'
import { HOUR, has, NOW, names, open, read } from './opened-journal.js'

/** A journal of three tokens, in step and closed, whose second entry has lost a bit. */
async function damaged(t: Test): Promise<string> {
  const path = join(t.testdir(), 'journal')
  const { journal, list } = await open(path)
  const sizes: number[] = []
  for (const id of names(3)) {
    list.add({ kind: 'token', id, expiresAt: NOW + HOUR }, 'topic', NOW)
    journal.inStep(NOW)
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
  const [damage] = journal.damages
  t.match(damage, { id: /^[0-9a-f]{64}$/, reason: /the journal is missing/ })
  journal.accept([damage?.id ?? ''])
  t.strictSame(journal.damages, [])
  await journal.close()
})

t.test('what can be read of a damaged journal is used; no mark or note of it is believed', async (t) => {
  const path = await damaged(t)
  const content = readFileSync(path)
  const { journal, ...opened } = await open(path)
  t.match(journal.damages, [{ id: /^[0-9a-f]{64}$/, reason: /damaged in bytes \d+ to \d+/ }])
  t.same(
    names(3).filter((id) => has(opened, id) !== undefined),
    ['token-0', 'token-2'],
  )
  t.equal(opened.inStepAt, undefined)
  t.equal(opened.notes.size, 0)
  await journal.close()
  const aside = readdirSync(join(path, '..')).find((name) => name.includes('.damaged-'))
  t.same(readFileSync(join(path, '..', aside ?? '')), content)
})

t.test('the loss outlives restarts, with what is learnt since, until a store has been listed', async (t) => {
  const path = await damaged(t)
  const first = await open(path)
  const { damages } = first.journal
  first.list.add({ kind: 'token', id: 'since', expiresAt: NOW + HOUR }, 'topic', NOW)
  first.journal.inStep(NOW)
  await first.journal.flush()
  await first.journal.close()
  const second = await open(path)
  t.same(second.journal.damages, damages)
  t.ok(has(second, 'since'))
  t.equal(second.inStepAt, undefined)
  let told = 0
  second.journal.onDamage(() => told++)
  second.journal.listed()
  second.journal.inStep(NOW)
  t.equal(told, 1)
  t.same(second.journal.damages, [])
  await second.journal.close()
  const third = await open(path)
  t.same(third.journal.damages, [])
  t.equal(third.inStepAt, NOW)
  await third.journal.close()
})

t.test('a new file says from its first moment what it lacks', async (t) => {
  const path = await damaged(t)
  const { journal } = await open(path)
  const { damages } = journal
  const inode = statSync(path).ino
  // Whatever is written next is written after this.
  while (statSync(path).ino === inode) await journal.flush().catch(() => undefined)
  const copy = join(path, '..', 'copy')
  copyFileSync(path, copy)
  copyFileSync(`${path}.length`, `${copy}.length`)
  t.same((await read(copy)).damages, damages)
  await journal.close()
})

t.test('an operator accepts one file, by its hash, in the configuration; not the next', async (t) => {
  const path = await damaged(t)
  const [damage] = (await read(path)).damages
  const accepted = { accepted: [damage?.id ?? ''] }
  const first = await open(path, NOW, 'these', accepted)
  t.same(first.journal.damages, [])
  t.equal(first.inStepAt, undefined)
  await first.journal.flush()
  await first.journal.close()
  const without = await open(path)
  t.same(without.journal.damages, [], 'it is settled')
  await without.journal.close()

  for (const change of [() => spoil(path, 90), () => writeFileSync(path, ''), () => rmSync(path)]) {
    change()
    const again = await open(path, NOW, 'these', accepted)
    t.equal(again.journal.damages.length, 1)
    again.journal.listed()
    await again.journal.flush()
    await again.journal.close()
  }
})

t.test('an operator accepts it by a command, while the gateway runs', async (t) => {
  const path = await damaged(t)
  const { journal } = await open(path)
  const settled = new Promise<void>((resolve) => journal.onDamage(resolve))
  const alive = setInterval(() => undefined, 1_000) // the journal's own timers keep no process alive
  t.teardown(() => clearInterval(alive))
  await accept(path, '0'.repeat(64))
  await accept(path, journal.damages[0]?.id ?? '')
  await settled
  t.same(journal.damages, [])
  await journal.close()
  const again = await open(path)
  t.same(again.journal.damages, [])
  await again.journal.close()
})

t.test('all files that were emptied at once are told apart', async (t) => {
  const path = join(t.testdir({ journal: '', 'journal.length': '' }), 'journal')
  const [first] = (await read(path)).damages
  const opened = await open(path, NOW, 'these', { accepted: [first?.id ?? ''] })
  t.same(opened.journal.damages, [])
  await opened.journal.close()
  writeFileSync(path, '')
  writeFileSync(`${path}.length`, '')
  const [second] = (await read(path)).damages
  t.not(second?.id, first?.id)
})

t.test('a journal of another version stays as it is until it is accepted, or a store was listed', async (t) => {
  const path = await damaged(t)
  const bytes = readFileSync(path)
  bytes.writeUInt8(3, 7)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 16)), 16)
  writeFileSync(path, bytes)
  const first = await open(path)
  t.match(first.journal.damages, [{ reason: /format version 3/ }])
  await t.rejects(first.journal.flush(), /format version 3, .* a newer mgw wrote it: start that one/)
  await first.journal.close()
  t.same(readFileSync(path), bytes)
  const second = await open(path)
  second.list.add({ kind: 'token', id: 'a', expiresAt: NOW + HOUR }, 'topic', NOW)
  second.journal.listed()
  while (!second.journal.status().owned) await new Promise(setImmediate)
  await second.journal.flush()
  await second.journal.close()
  const third = await open(path)
  t.same(third.journal.damages, [])
  t.ok(has(third, 'a'))
  await third.journal.close()
})
