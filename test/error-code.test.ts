import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { codeOf, hasCode } from '../src/error-code.js'

t.test("an error is known by one of several codes, Node's among them", async (t) => {
  const error: unknown = await readFile(join(t.testdir(), 'missing')).catch((error) => error)
  t.ok(hasCode(error, 'ENOENT'))
  t.ok(hasCode(error, 'ENOTDIR', 'ENOENT'))
  t.notOk(hasCode(error, 'ENOTDIR'))
  t.equal(codeOf(error), 'ENOENT')
})

t.test('a value that is not an error, or has no code, has none of the codes', async (t) => {
  for (const value of [
    undefined,
    null,
    'ENOENT',
    { code: 'ENOENT' },
    new Error('ENOENT'),
    Object.assign(new Error(), { code: 404 }),
  ]) {
    t.notOk(hasCode(value, 'ENOENT'))
    t.equal(codeOf(value), undefined)
  }
})
