import { readFileSync } from 'node:fs'
import t from 'tap'
import { MUTANTS } from './list.js'
import { PROMISES } from './mutant.js'

t.test('each mutant finds its text once in the build, and the test that is to catch it', async (t) => {
  for (const { name, file, find, caughtBy } of MUTANTS) {
    t.equal(readFileSync(`dist/src/${file}`, 'utf8').split(find).length, 2, `${name}: ${file}`)
    if (!('test' in caughtBy)) continue
    const path = `test/${caughtBy.test}.test.ts`
    t.ok(readFileSync(path, 'utf8').includes(caughtBy.title), `${name}: ${path}`)
  }
})

t.test('each kind of promise has a mutant', async (t) => {
  t.same([...new Set(MUTANTS.map(({ promise }) => promise))].sort(), [...PROMISES].sort())
})
