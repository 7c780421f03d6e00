import t from 'tap'
import { EndpointTurns } from '../../src/proxy/index.js'

t.test('each upstream of a load-balanced group has its turn, the others behind it', async (t) => {
  const turns = new EndpointTurns({ type: 'load_balance', urls: ['a', 'b', 'c'] })
  t.strictSame(
    Array.from({ length: 4 }, () => turns.next().join('')),
    ['abc', 'bca', 'cab', 'abc'],
  )
})

t.test('a failover group keeps its order; a plain one has its first upstream alone', async (t) => {
  const failover = new EndpointTurns({ type: 'failover', urls: ['a', 'b'] })
  t.strictSame(
    [failover.next(), failover.next()],
    [
      ['a', 'b'],
      ['a', 'b'],
    ],
  )
  t.strictSame(new EndpointTurns({ type: 'http', urls: ['a', 'b'] }).next(), ['a'])
})
