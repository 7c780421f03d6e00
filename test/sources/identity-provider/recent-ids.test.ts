import t from 'tap'
import { RecentIds } from '../../../src/sources/identity-provider/index.js'

t.test('an id is remembered until as many others came as there is room for', async (t) => {
  const ids = new RecentIds(2)
  t.notOk(ids.has('a'))
  for (const id of ['a', 'b', 'b']) ids.add(id)
  t.same(
    ['a', 'b'].map((id) => ids.has(id)),
    [true, true],
  )
  ids.add('c')
  t.same(
    ['a', 'b', 'c'].map((id) => ids.has(id)),
    [false, true, true],
  )
})
