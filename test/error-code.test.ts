import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { hasCode } from '../src/error-code.js'

t.test("an error is known by one of several codes, Node's among them", async (t) => {
  const error: unknown = await readFile(join(t.testdir(), 'missing')).catch((error) => error)
  t.ok(hasCode(error, 'ENOENT'))
  t.ok(hasCode(error, 'ENOTDIR', 'ENOENT'))
  t.notOk(hasCode(error, 'ENOTDIR'))
})

t.test('a value that is not an error, or has no code, has none of the codes', async (t) => {
  for (const value of [undefined, null, 'ENOENT', { code: 'ENOENT' }, new Error('ENOENT')]) {
    t.notOk(hasCode(value, 'ENOENT'))
  }
})
