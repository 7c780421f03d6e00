import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { lock } from '../../src/journal/lock.js'

t.test('a second lock is refused until the first is released; what a dead process left is taken over', async (t) => {
  const path = join(t.testdir(), 'journal')
  const release = await lock(path)
  await t.rejects(lock(path), { code: 'ERR_JOURNAL_LOCKED' })
  await release()
  writeFileSync(`${path}.lock`, '999999999 1')
  const again = await lock(path)
  await again()
  t.notOk(existsSync(`${path}.lock`))
})

t.test('the lock of an earlier process with the id of this one is taken over', async (t) => {
  const path = join(t.testdir(), 'journal')
  writeFileSync(`${path}.lock`, `${process.pid} 1`)
  const release = await lock(path)
  await release()
})

t.test('of many that lock at once, over what a dead process left, one succeeds', async (t) => {
  const path = join(t.testdir(), 'journal')
  for (let round = 0; round < 50; round++) {
    writeFileSync(`${path}.lock`, '999999999 1')
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => lock(path)))
    const held = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
    if (held.length !== 1) t.fail(`${held.length} of them have it`)
    for (const release of held) await release()
  }
  t.same(readdirSync(join(path, '..')), [], 'nothing is left over')
})
