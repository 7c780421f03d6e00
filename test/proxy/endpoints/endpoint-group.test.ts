import t from 'tap'
import { EndpointGroup } from '../../../src/proxy/endpoints/endpoint-group.js'
import {
  DEFAULT_ENDPOINT_RULES,
  type EndpointGroupOptions,
  type EndpointRules,
  type Upstream,
} from '../../../src/proxy/endpoints/options.js'

const BREAKER = {
  requestVolumeThreshold: 4,
  timeWindow: 1_000,
  bucketSize: 100,
  failureThreshold: 0.5,
  resetTime: 200,
  statusCodes: [500],
}
const RETRY = { count: 3, interval: 10, backOffFactor: 2, maxInterval: 25, statusCodes: [503] }

/** A group at a time that the test sets. Requests say where they go, and `changes` what the log would. */
function groupOf(
  {
    urls = ['a', 'b', 'c'],
    ...options
  }: Omit<Partial<EndpointGroupOptions<Upstream>>, 'urls'> & { urls?: readonly string[] },
  rules: Partial<EndpointRules> = {},
) {
  const state = { now: 0, changes: [] as string[] }
  const group = new EndpointGroup<Upstream>(
    { type: 'load_balance', urls: urls.map((origin) => ({ origin })) as [Upstream], ...options },
    {
      ...DEFAULT_ENDPOINT_RULES,
      maxFailures: 2,
      ejectionTime: 100,
      maxEjectionTime: 300,
      report: (change, origin, time) => state.changes.push(`${origin} ${change} ${time}`),
      ...rules,
    },
    () => state.now,
  )
  const begin = () => group.begin(({ origin }) => ({ origin, path: '/' }), true)
  const must = () => {
    const tries = begin()
    if (tries === undefined) throw new Error('none')
    return tries
  }
  return {
    state,
    begin,
    must,
    /** Where a request goes that is answered with this status, or not at all. */
    send(outcome: number | 'unsent' | 'lost' | 'timeout' = 200): string {
      const tries = must()
      const { origin } = tries.target
      if (typeof outcome === 'number') tries.answered(outcome, false)
      else tries.failed(outcome, false)
      tries.ended()
      return origin
    },
  }
}

t.test(
  'a load-balanced group chooses the endpoint with the fewest requests, and those with as few in turn',
  async (t) => {
    const { must, send } = groupOf({})
    t.equal([1, 2, 3, 4].map(() => send()).join(''), 'abca')
    const held = [must(), must(), must(), must()]
    t.strictSame(held.map(({ target }) => target.origin).sort(), ['a', 'b', 'b', 'c'].sort())
    const busy = held.find(({ target }) => target.origin === 'a')
    busy?.ended()
    busy?.ended() // counts once
    t.equal(send(), 'a')
    t.equal(send(), 'a', 'the others have one each, or more')
  },
)

t.test('a request counts until it is over, and once', async (t) => {
  const { must } = groupOf({ urls: ['a', 'b'] })
  const [first] = [must(), must()]
  first?.ended()
  first?.ended()
  t.equal([must(), must()].map(({ target }) => target.origin).join(''), 'ab')
})

t.test('a failover group keeps to its first endpoint; a plain one has no other', async (t) => {
  const failover = groupOf({ type: 'failover' })
  t.equal([failover.must(), failover.must()].map(({ target }) => target.origin).join(''), 'aa')
  const plain = groupOf({ type: 'http' })
  const tries = plain.must()
  t.equal(tries.target.origin, 'a')
  t.equal(tries.failed('unsent', true), undefined)
})

t.test('an endpoint that fails twice in a row is ejected until one request has found it back', async (t) => {
  const { state, must, send } = groupOf({ type: 'failover' })
  send('lost')
  send(200)
  send('timeout')
  t.strictSame(state.changes, [], 'a success between')
  send('unsent')
  t.strictSame(state.changes, ['a ejected 100'])
  t.equal(send(), 'b')
  state.now = 100
  const trial = must()
  t.equal(trial.target.origin, 'a')
  t.equal(send(), 'b', 'one tries at a time')
  trial.answered(200, false)
  t.equal(send(), 'a')
  t.strictSame(state.changes, ['a ejected 100', 'a restored 0'])
})

t.test('while the first endpoint of a failover group works no other is tried', async (t) => {
  const { state, must, send } = groupOf({ type: 'failover' })
  for (let count = 0; count < 2; count++) {
    const tries = must()
    tries.failed('unsent', true) // to b
    tries.failed('lost', true) // to c
    tries.ended()
    send()
  }
  t.strictSame(state.changes, ['b ejected 100'])
  state.now = 100
  t.equal(send(), 'a')
})

t.test(
  'each trial that fails doubles the ejection, up to its limit; one without an outcome does not count',
  async (t) => {
    const { state, must, send } = groupOf({ type: 'failover' })
    send('lost')
    send('lost')
    for (const [at, ejection] of [
      [100, 200],
      [300, 300],
      [600, 300],
    ] as const) {
      state.now = at
      must().ended() // its client left
      t.equal(send('lost'), 'a')
      t.equal(state.changes.at(-1), `a ejected ${ejection}`)
      state.now = at + ejection - 1
      t.equal(send(), 'b')
    }
    state.now = 900
    t.equal(send(), 'a')
    send('lost')
    send('lost')
    t.equal(state.changes.at(-1), 'a ejected 100', 'from the beginning')
  },
)

t.test('if every endpoint is ejected they are used; the first that answers is back', async (t) => {
  const { state, send } = groupOf({ urls: ['a', 'b'] })
  for (let count = 0; count < 4; count++) send('lost')
  t.strictSame(state.changes, ['a ejected 100', 'b ejected 100'])
  t.equal(send('lost'), 'a')
  t.equal(send(), 'b')
  t.equal(state.changes.at(-1), 'b restored 0')
  t.equal([1, 2].map(() => send()).join(''), 'bb')
})

t.test('an endpoint that has no other is not ejected, and with maxFailures 0 none is', async (t) => {
  const alone = groupOf({ urls: ['a'], retry: RETRY })
  const never = groupOf({}, { maxFailures: 0 })
  for (let count = 0; count < 30; count++) for (const { send } of [alone, never]) send('lost')
  t.strictSame([alone.state.changes, never.state.changes], [[], []])
})

t.test('answers count as failures where failureStatusCodes has them', async (t) => {
  const { state, send } = groupOf({ type: 'failover' }, { failureStatusCodes: [502, 503] })
  for (const status of [502, 500, 503, 502]) send(status)
  t.strictSame(state.changes, ['a ejected 100'])
})

t.test('a circuit opens when the share of failures in the window passes its threshold', async (t) => {
  const { state, begin, send } = groupOf({ urls: ['a'], circuitBreaker: BREAKER })
  for (const outcome of [500, 'lost', 200, 200] as const) send(outcome)
  t.strictSame(state.changes, [], 'half of them is not above a half')
  state.now = 1_000 // the window has moved past them, all but at once
  for (const outcome of [500, 'timeout', 'unsent'] as const) send(outcome)
  t.strictSame(state.changes, [], 'too few to tell')
  send(200)
  t.strictSame(state.changes, ['a circuit opened 200'])
  t.equal(begin(), undefined)
  state.now = 1_199
  t.equal(begin(), undefined)
})

t.test('an open circuit lets one request try, which closes it or keeps it open', async (t) => {
  const { state, begin, must, send } = groupOf({ urls: ['a'], circuitBreaker: BREAKER })
  const late = must()
  for (let count = 0; count < 4; count++) send(500)
  state.now = 200
  const trial = must()
  t.equal(begin(), undefined, 'one tries at a time')
  late.answered(200, false)
  t.equal(begin(), undefined, 'an answer to what was sent before does not close it')
  trial.answered(500, false)
  t.equal(begin(), undefined)
  state.now = 400
  must().ended()
  send(404)
  t.strictSame(state.changes, ['a circuit opened 200', 'a circuit opened 200', 'a circuit closed 0'])
  for (let count = 0; count < 3; count++) send(500)
  t.ok(begin(), 'it counts from the beginning')
})

t.test('while one that tries takes long another may after each reset time, a second at least', async (t) => {
  for (const resetTime of [200, 2_000]) {
    const { state, begin, must, send } = groupOf({ urls: ['a'], circuitBreaker: { ...BREAKER, resetTime } })
    for (let count = 0; count < 4; count++) send(500)
    state.now = 5_000
    const slow = must()
    state.now += Math.max(resetTime, 1_000) - 1
    t.equal(begin(), undefined)
    state.now++
    send()
    t.equal(state.changes.at(-1), 'a circuit closed 0')
    slow.failed('timeout', false)
    t.equal(state.changes.at(-1), 'a circuit closed 0', 'what the slow one finds out late is one failure of many')
    send()
  }
})

t.test('an ejected endpoint is tried again while one that tries takes long', async (t) => {
  const { state, must, send } = groupOf({ urls: ['a', 'b'] })
  for (let count = 0; count < 4; count++) send(count % 2 === 0 ? 'lost' : 200)
  t.strictSame(state.changes, ['a ejected 100'])
  state.now = 200
  const slow = [must(), must()].find(({ target }) => target.origin === 'a')
  t.equal([1, 2, 3].map(() => send()).join(''), 'bbb')
  state.now = 1_200
  t.ok([send(), send()].includes('a'))
  slow?.failed('lost', false)
  t.strictSame(state.changes, ['a ejected 100', 'a restored 0'])
})

t.test('what was sent before a circuit opened does not count once it is open', async (t) => {
  const { state, must, send } = groupOf({ urls: ['a'], circuitBreaker: BREAKER })
  const late = Array.from({ length: 4 }, must)
  for (let count = 0; count < 4; count++) send(500)
  state.now = 150
  for (const tries of late) tries.failed('lost', false)
  t.strictSame(state.changes, ['a circuit opened 200'])
})

t.test('where others are left an open circuit is passed over', async (t) => {
  const { send } = groupOf({ urls: ['a', 'b'], circuitBreaker: BREAKER }, { maxFailures: 0 })
  const seen = Array.from({ length: 8 }, (_, at) => send(at % 2 === 0 ? 500 : 200))
  t.equal(seen.join(''), 'abababab')
  t.equal([1, 2, 3].map(() => send()).join(''), 'bbb')
})

t.test('a request that failed goes to the other endpoints, each once', async (t) => {
  const { must } = groupOf({})
  const tries = must()
  t.equal(tries.failed('unsent', true)?.origin, 'b')
  t.equal(tries.delay, 0)
  t.equal(tries.failed('lost', true)?.origin, 'c')
  t.equal(tries.failed('lost', true), undefined)
  const late = must()
  t.equal(late.failed('timeout', true), undefined, 'what took too long is not repeated')
  t.equal(must().failed('lost', false), undefined, 'nor what must not be')
  t.equal(must().answered(503, true), undefined, 'nor what was answered')
})

t.test('a retry avoids endpoints that are ejected, and tries none of them', async (t) => {
  const { state, must, send } = groupOf({ type: 'failover' })
  const first = must()
  const second = must()
  for (const tries of [first, second]) {
    tries.failed('lost', true) // to b
    tries.failed('lost', true) // to c
    tries.ended()
  }
  t.strictSame(state.changes, ['a ejected 100', 'b ejected 100'])
  state.now = 100 // both are due
  const tries = must()
  t.equal(tries.target.origin, 'a')
  t.equal(tries.failed('lost', true)?.origin, 'c')
  t.equal(tries.failed('lost', true)?.origin, 'b', 'the last resort')
  tries.ended()
  state.now = 1_000
  t.equal(send(), 'a')
})

t.test(
  'retryConfig repeats answers with its codes: elsewhere at once, where it failed after a growing interval',
  async (t) => {
    const { must } = groupOf({ urls: ['a', 'b'], retry: { ...RETRY, count: 4 } })
    const tries = must()
    t.equal(tries.answered(503, true)?.origin, 'b')
    t.equal(tries.delay, 0)
    const further = [503, 503, 503].map((status) => [tries.answered(status, true)?.origin, tries.delay])
    t.same(
      further.map(([, delay]) => delay),
      [20, 25, 25],
    )
    t.equal(tries.answered(503, true), undefined, 'the count is used up')
    t.equal(must().answered(500, true), undefined, 'another code')
  },
)

t.test('with 504 among the codes a time-out is repeated', async (t) => {
  const { must } = groupOf({ urls: ['a'], retry: { ...RETRY, statusCodes: [504] } })
  t.equal(must().failed('timeout', true)?.origin, 'a')
})

t.test('retries are at most a share of the requests; a request that never left is no retry', async (t) => {
  const { state, must, send } = groupOf({ urls: ['a', 'b'] }, { retryBudget: 20, maxFailures: 0 })
  const retried = (failure: 'lost' | 'unsent') => {
    const tries = must()
    const next = tries.failed(failure, true)
    tries.ended()
    return next !== undefined
  }
  for (let count = 0; count < 100; count++) send()
  let retries = 0
  for (let count = 0; count < 100; count++) if (retried('lost')) retries++
  t.ok(retries >= 30 && retries <= 50, `${retries} of 100 beside 200 requests`)
  for (let count = 0; count < 10; count++) t.ok(retried('unsent'))
  state.now = 40_000
  retries = 0
  for (let count = 0; count < 5; count++) if (retried('lost')) retries++
  t.equal(retries, 5, 'later a few in any case')
  const none = groupOf({ urls: ['a', 'b'] }, { retryBudget: 0 })
  t.equal(none.must().failed('lost', true), undefined)
})

t.test('one endpoint without options needs no group', async (t) => {
  const one = { type: 'http', urls: [{ origin: 'a' }] } as const
  t.equal(EndpointGroup.isTrivial(one), true)
  t.equal(EndpointGroup.isTrivial({ ...one, retry: { ...RETRY, count: 0 } }), true)
  t.equal(EndpointGroup.isTrivial({ ...one, retry: RETRY }), false)
  t.equal(EndpointGroup.isTrivial({ ...one, circuitBreaker: BREAKER }), false)
  t.equal(EndpointGroup.isTrivial({ type: 'failover', urls: [{ origin: 'a' }, { origin: 'b' }] }), false)
})
