import t from 'tap'
import { server } from '../../src/config/schema/listener.js'
import { LATEST_USE } from '../../src/revocation/retention.js'

t.test(
  'a shared store keeps a revocation for longer than the largest timestampSkew that can be configured',
  async (t) => {
    const accepts = (timestampSkew: number) => server.safeParse({ timestampSkew }).success
    const margin = 5 * 60_000
    t.ok(accepts(LATEST_USE - margin))
    t.notOk(accepts(LATEST_USE - margin + 1))
  },
)
