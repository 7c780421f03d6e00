import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'tap'
import { writeAtomically } from '../../src/certificates/write-atomically.js'

test('the content is replaced whole, with the mode, and no other file stays', async (t) => {
  const directory = t.testdir({ file: 'the old content, which is longer' })
  const file = join(directory, 'file')
  await writeAtomically(file, 'new', 0o600)
  t.equal(await readFile(file, 'utf8'), 'new')
  t.equal((await stat(file)).mode & 0o777, 0o600)
  t.same(await readdir(directory), ['file'])
})

test('concurrent writers leave the content of one of them', async (t) => {
  const file = join(t.testdir(), 'file')
  const contents = Array.from({ length: 20 }, (_, i) => String(i).repeat(1000))
  await Promise.all(contents.map((content) => writeAtomically(file, content)))
  t.ok(contents.includes(await readFile(file, 'utf8')))
})

test('a failed write leaves the old state', async (t) => {
  const directory = t.testdir({ taken: {} })
  await t.rejects(writeAtomically(join(directory, 'taken'), 'x'), { code: 'EISDIR' })
  t.same(await readdir(directory), ['taken'])
})
