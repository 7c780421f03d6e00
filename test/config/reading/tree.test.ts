import t from 'tap'
import type { ConfigProblem } from '../../../src/config/problems/error.js'
import {
  nameText,
  pathText,
  plainTree,
  setAt,
  type Tree,
  takeAt,
  valueAt,
  valuesAt,
} from '../../../src/config/reading/tree.js'

const tree = (value: object): Tree => plainTree(value, [])
const plain = (value: unknown) => JSON.parse(JSON.stringify(value))

t.test('tables have no prototype, and names of every object are left out as problems', async (t) => {
  const problems: ConfigProblem[] = []
  const made = plainTree(JSON.parse('{"a":{"b":1},"__proto__":{"x":1},"toString":2,"c":[{"constructor":1}]}'), problems)
  t.equal(Object.getPrototypeOf(made), null)
  t.equal(Object.getPrototypeOf(made.a), null)
  t.same(plain(made), { a: { b: 1 }, c: [{}] })
  t.same(
    problems.map(({ path }) => path),
    ['__proto__', 'toString', 'c[0].constructor'],
  )
})

t.test('what is nested too deeply is left out as a problem', async (t) => {
  const problems: ConfigProblem[] = []
  let deep: object = { end: 1 }
  for (let depth = 0; depth < 40; depth++) deep = depth % 2 === 0 ? { a: deep } : { a: [deep] }
  plainTree(deep, problems)
  t.match(problems, [{ message: 'is nested too deeply' }])
})

t.test('a path is written as in the file, its names quoted and cut where they must be', async (t) => {
  t.equal(pathText(['jwtTokenConfig', 0, 'issuer']), 'jwtTokenConfig[0].issuer')
  t.equal(pathText(['a b', 'c.d']), '"a b"."c.d"')
  t.equal(nameText('x'.repeat(70)), `"${'x'.repeat(64)}..."`)
})

t.test('values are found, set and taken out at a path of names', async (t) => {
  const made = tree({ a: { b: { c: 1 } }, list: [{ x: 1 }, { y: 2 }, { x: 3 }] })
  t.equal(valueAt(made, ['a', 'b', 'c']), 1)
  t.equal(valueAt(made, ['list', 2, 'x']), 3)
  t.equal(valueAt(made, ['a', 'none', 'c']), undefined)
  t.same(
    [...valuesAt(made, ['list', 'x'])].map(({ path, value }) => [pathText(path), value]),
    [
      ['list[0].x', 1],
      ['list[2].x', 3],
    ],
  )
  setAt(made, ['n', 'm'], 5)
  setAt(made, ['a', 'b', 'c', 'd'], 'a value is in the way')
  t.equal(takeAt(made, ['a', 'b', 'c']), 1)
  t.equal(takeAt(made, ['none', 'b']), undefined)
  t.same(plain(made), { list: [{ x: 1 }, { y: 2 }, { x: 3 }], n: { m: 5 } }, 'tables that became empty are gone')
})
