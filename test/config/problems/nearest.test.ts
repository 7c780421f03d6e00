import fc from 'fast-check'
import t from 'tap'
import { editDistance, nearest } from '../../../src/config/problems/nearest.js'

t.test('the distance counts letters added, dropped, changed and swapped', async (t) => {
  const cases: readonly [string, string, number][] = [
    ['', '', 0],
    ['', 'abc', 3],
    ['port', 'port', 0],
    ['prot', 'port', 1],
    ['ports', 'port', 1],
    ['pirt', 'port', 1],
    ['kitten', 'sitting', 3],
  ]
  for (const [a, b, distance] of cases) t.equal(editDistance(a, b), distance, `${a} ${b}`)
  fc.assert(fc.property(fc.string(), fc.string(), (a, b) => editDistance(a, b) === editDistance(b, a)))
})

t.test('only a name that is near enough for its length is suggested', async (t) => {
  t.equal(nearest('hostt', ['host', 'port']), 'host')
  t.equal(nearest('x', ['y']), undefined)
  t.equal(nearest('completely', ['different']), undefined)
})
