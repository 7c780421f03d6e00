import { join } from 'node:path'
import t from 'tap'
import { mostConnections } from '../../src/gateway/open-files.js'

const LIMITS = `Limit                     Soft Limit           Hard Limit           Units
Max stack size            8388608              unlimited            bytes
Max open files            1024                 524288               files
`

t.test('clients may have three quarters of the files that the process may open', async (t) => {
  const directory = t.testdir({ limits: LIMITS, unlimited: LIMITS.replace('1024  ', 'unlimited') })
  t.equal(mostConnections(join(directory, 'limits')), 768)
  t.equal(mostConnections(join(directory, 'unlimited')), Number.POSITIVE_INFINITY)
  t.equal(mostConnections(join(directory, 'nothing')), Number.POSITIVE_INFINITY, 'not on Linux')
})
