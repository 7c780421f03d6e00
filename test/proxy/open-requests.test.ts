import t from 'tap'
import { type OpenKey, OpenRequests } from '../../src/proxy/open-requests.js'

interface Token {
  readonly keys: readonly OpenKey[]
}

const REASON = new Error('revoked')
const token = (...names: number[]): Token => ({ keys: names.map((lo) => ({ hi: -1, lo: lo << 11 })) })
const key = (name: number): OpenKey => ({ hi: -1, lo: name << 11 })

/** Notes one request of a token; the abort takes it out again, as the end of a real one does. */
function request(open: OpenRequests<Token>, of: Token) {
  const exchange = {
    aborted: 0,
    abort: () => {
      exchange.aborted++
      open.remove(of, exchange)
    },
  }
  open.add(of, exchange)
  return exchange
}

t.test('requests whose token has the key end, once each, unless the check spares them', async (t) => {
  const open = new OpenRequests<Token>(({ keys }) => keys)
  const [first, second, spared] = [token(1, 9), token(2, 9), token(3, 9)]
  const mine = [request(open, first), request(open, first), request(open, second)]
  const others = [request(open, spared), request(open, token(4, 8))]
  t.equal(
    open.end(key(9), (of) => of !== spared, REASON),
    3,
  )
  t.strictSame(
    mine.map(({ aborted }) => aborted),
    [1, 1, 1],
  )
  t.strictSame(
    others.map(({ aborted }) => aborted),
    [0, 0],
  )
  t.equal(
    open.end(key(9), (of) => of !== spared, REASON),
    0,
  )
})

t.test('endAll ends the requests of every token', async (t) => {
  const open = new OpenRequests<Token>(({ keys }) => keys)
  const [first, second] = [token(1), token(2)]
  open.remove(first, request(open, first)) // one that is over
  const all = [request(open, first), request(open, first), request(open, second)]
  t.equal(open.endAll(REASON), 3)
  t.strictSame(
    all.map(({ aborted }) => aborted),
    [1, 1, 1],
  )
  t.equal(open.endAll(REASON), 0)
})

t.test('a token that comes again is found by all of its names', async (t) => {
  const open = new OpenRequests<Token>(({ keys }) => keys)
  const again = token(1, 2)
  open.remove(again, request(open, again))
  t.equal(
    open.end(key(1), () => true, REASON),
    0,
  )
  for (const name of [1, 2]) {
    const late = request(open, again)
    t.equal(
      open.end(key(name), () => true, REASON),
      1,
    )
    t.equal(late.aborted, 1)
  }
})

t.test('tokens without an open request are forgotten, those with one never', async (t) => {
  const open = new OpenRequests<Token>(({ keys }) => keys)
  const kept = request(open, token(7))
  for (let i = 0; i < 10_000; i++) {
    const of = token(100 + i, 99)
    open.remove(of, request(open, of))
  }
  t.equal(open.tokens, 1_025)
  t.equal(
    open.end(key(7), () => true, REASON),
    1,
  )
  t.equal(kept.aborted, 1)
})
