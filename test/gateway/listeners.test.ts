import { chmodSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { tryToWrite } from '../../src/gateway/listeners.js'

t.test(
  'a directory that is there, or may be created at any depth, can be written to; nothing is created',
  async (t) => {
    const directory = t.testdir({})
    await tryToWrite(directory)
    await tryToWrite(join(directory, 'new'))
    await tryToWrite(join(directory, 'new', 'deeper', 'still'))
    t.strictSame(readdirSync(directory), [])
  },
)

t.test('a file, and whatever would be below one, cannot be written to', async (t) => {
  const file = join(t.testdir({ file: '' }), 'file')
  for (const path of [file, join(file, 'new'), join(file, 'new', 'deeper')]) {
    await t.rejects(tryToWrite(path), { code: 'ENOTDIR' }, path)
  }
})

t.test(
  'a directory without permission, and whatever would be created in it, cannot be written to, but by root',
  async (t) => {
    const directory = t.testdir({ closed: {} })
    const closed = join(directory, 'closed')
    chmodSync(closed, 0o500)
    for (const path of [closed, join(closed, 'new')]) {
      if (process.getuid?.() === 0) await t.resolves(tryToWrite(path), path)
      else await t.rejects(tryToWrite(path), { code: 'EACCES' }, path)
    }
  },
)
