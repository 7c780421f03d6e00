import t from 'tap'
import { RoundRobin } from '../../src/proxy/round-robin.js'

t.test('each upstream of a load-balanced group has its turn, the others behind it', async (t) => {
  const group = new RoundRobin({ type: 'load_balance', urls: ['a', 'b', 'c'] })
  t.strictSame(
    Array.from({ length: 4 }, () => group.next().join('')),
    ['abc', 'bca', 'cab', 'abc'],
  )
})

t.test('a failover group keeps its order; a plain one has its first upstream alone', async (t) => {
  const failover = new RoundRobin({ type: 'failover', urls: ['a', 'b'] })
  t.strictSame(
    [failover.next(), failover.next()],
    [
      ['a', 'b'],
      ['a', 'b'],
    ],
  )
  t.strictSame(new RoundRobin({ type: 'http', urls: ['a', 'b'] }).next(), ['a'])
})
