import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import t from 'tap'
import { type FaultName, faults } from '../../../src/faults/index.js'
import { silent } from '../../../src/logging/index.js'
import { RequestMetrics, type Samples } from '../../../src/metrics/index.js'
import { OpenRequests, type Transfer, type UpstreamFailure, type UpstreamRequest } from '../../../src/proxy/index.js'
import { RequestLog } from '../../../src/server/log/request-log.js'
import { Exchange } from '../../../src/server/pipeline/exchange.js'
import type { ExchangeContext } from '../../../src/server/pipeline/exchange-context.js'
import { LIST_NOT_KNOWN, RevocationGate } from '../../../src/server/pipeline/revocation-gate.js'
import type { TokenIdentity } from '../../../src/token/identity.js'
import { SILENT, UNTRACED } from '../../support/forwarding.js'
import { NOBODY } from '../../token/nobody.js'

const UPSTREAM: UpstreamRequest = { target: { origin: 'http://up.example', path: '/' }, headers: [] }

/** A token that one name leads to. */
const tokenOf = (lo: number): TokenIdentity => ({
  ...NOBODY,
  ids: [{ by: 'jti', hi: 1, lo: lo << 11 }],
  hash: String(lo),
})

/** Exchanges that note their answers, around a list that the test fills. */
function world({ closesOpenRequests = true } = {}) {
  const state = { isKnown: true, revoked: new Set<TokenIdentity>(), looked: [] as TokenIdentity[] }
  const revocations = {
    get isKnown() {
      return state.isKnown
    },
    endedBefore: Number.NEGATIVE_INFINITY,
    find(token: TokenIdentity) {
      state.looked.push(token)
      return state.revoked.has(token) ? ({ by: 'jti', source: 'test', learntAt: 0 } as const) : undefined
    },
    refused: () => undefined,
  }
  const log = new RequestLog(silent)
  const openRequests = closesOpenRequests ? new OpenRequests<TokenIdentity>(({ ids }) => ids) : undefined
  const gate = new RevocationGate(revocations, log)
  const metrics = new RequestMetrics()
  const shared = { forwarding: SILENT, tracing: UNTRACED, observers: [] }
  const context = { ...shared, log, metrics, gate, openRequests, serverHeader: '' } as unknown as ExchangeContext
  class Noting extends Exchange {
    readonly isWebSocket = false
    readonly connection = new PassThrough()
    readonly body = new PassThrough()
    readonly bytesSent = 0
    readonly answers: number[] = []
    readonly bodies: (string | Buffer)[] = []
    readonly aborted: Error[] = []
    /** Whether its transfer is over as soon as it begins. */
    endsAtOnce = false

    askForBody(): void {}

    respond(status: number, _: readonly string[], body: string | Buffer): void {
      this.answers.push(status)
      this.bodies.push(body)
    }

    protected transfer(): Transfer {
      if (this.endsAtOnce) this.ended()
      return { abort: (reason) => void this.aborted.push(reason) }
    }
  }
  const exchange = () => new Noting(context, new IncomingMessage(new Socket()), 'http')
  return { state, openRequests, exchange, metrics }
}

t.test(
  'a request may start while none of its tokens is revoked, and is looked up each time that it is asked',
  async (t) => {
    const { state, exchange } = world()
    const [own, other] = [tokenOf(1), tokenOf(2)]
    const one = exchange()
    one.forward(UPSTREAM, [own, other], 'things')
    t.equal(one.mayStart(), true)
    t.strictSame(state.looked, [own, other])
    state.revoked.add(other)
    t.equal(one.mayStart(), false, 'before the next attempt')
    state.revoked.delete(other)
    state.isKnown = false
    t.equal(one.mayStart(), false, 'the list is not known')
    const free = exchange()
    free.forward(UPSTREAM, [], 'things')
    t.equal(free.mayStart(), true, 'without a token')
  },
)

t.test('a request goes on while the list is known, or if nothing would end it', async (t) => {
  for (const [tokens, closesOpenRequests, goesOn] of [
    [[tokenOf(1)], true, false],
    [[tokenOf(1)], false, true],
    [[], true, true],
  ] as const) {
    const { state, exchange } = world({ closesOpenRequests })
    const one = exchange()
    one.forward(UPSTREAM, tokens, 'things')
    t.equal(one.mayGoOn(), true)
    state.isKnown = false
    t.equal(one.mayGoOn(), goesOn, `${tokens.length} tokens, ${closesOpenRequests}`)
  }
})

t.test(
  'a refused request is answered with what refused it: revoked before it left, after that, or the list',
  async (t) => {
    const { state, exchange } = world()
    const token = tokenOf(1)
    state.revoked.add(token)
    const before = exchange()
    before.forward(UPSTREAM, [token], 'things')
    t.equal(before.mayStart(), false)
    before.failed('refused', false, undefined)
    t.strictSame(before.bodies, [faults.invalidCredentials.body])
    state.revoked.clear()
    const after = exchange()
    after.forward(UPSTREAM, [token], 'things')
    t.equal(after.mayStart(), true)
    state.revoked.add(token)
    after.failed('refused', false, new Error('the token was revoked'))
    t.strictSame(after.bodies, [faults.invalidCredentials.body])
    const unknown = exchange()
    unknown.forward(UPSTREAM, [token], 'things')
    unknown.failed('refused', false, LIST_NOT_KNOWN)
    t.strictSame(unknown.bodies, [faults.notSynchronised.body])
  },
)

t.test('each failure has its answer, and what has been answered gets none', async (t) => {
  const cases: [UpstreamFailure, FaultName | undefined][] = [
    ['unreachable', 'upstreamUnreachable'],
    ['timeout', 'upstreamTimeout'],
    ['body-too-large', 'entityTooLarge'],
    ['body-too-slow', 'requestTimeout'],
    ['not-websocket', 'badRequest'],
    ['refused', 'invalidCredentials'],
    ['client-left', undefined],
  ]
  for (const [failure, name] of cases) {
    const { exchange } = world()
    const [unanswered, answered] = [exchange(), exchange()]
    unanswered.failed(failure, false, undefined)
    answered.failed(failure, true, undefined)
    t.strictSame(unanswered.bodies, name === undefined ? [] : [faults[name].body], failure)
    t.strictSame(answered.bodies, [], failure)
  }
})

t.test('a revocation of any token of a request ends it, until it is over', async (t) => {
  const [own, other] = [tokenOf(1), tokenOf(2)]
  for (const token of [own, other]) {
    const { openRequests, exchange } = world()
    const end = () => openRequests?.end(token.ids[0] as never, () => true, new Error('revoked'))
    const [one, over, atOnce] = [exchange(), exchange(), exchange()]
    atOnce.endsAtOnce = true
    for (const each of [one, over, atOnce]) each.forward(UPSTREAM, [own, other], 'things')
    over.ended()
    t.equal(end(), 1)
    t.same([one.aborted.length, over.aborted.length, atOnce.aborted.length], [1, 0, 0])
    one.ended()
    t.equal(end(), 0)
  }
})

t.test('what a step throws is a 500, and says nothing of its cause', async (t) => {
  const { exchange } = world()
  const one = exchange()
  one.guard(() => {
    throw new Error('a secret')
  })
  t.strictSame([one.answers, one.bodies], [[500], [faults.unclassified.body]])
})

t.test('an exchange is counted once, with the status that the client got and why', async (t) => {
  const { exchange, metrics, state } = world()
  const token = tokenOf(1)
  const forwarded = (status?: number) => {
    const one = exchange()
    one.forward(UPSTREAM, [token], 'things')
    one.mayStart()
    if (status !== undefined) one.answered(status)
    return one
  }
  exchange().refuse(faults.noApi, 'no-api')
  exchange().answer(204, [], '', 'preflight')
  exchange().fail(new Error('unexpected'))
  forwarded(200).ended()
  const ends: [number | undefined, UpstreamFailure, boolean, Error][] = [
    [undefined, 'unreachable', false, new Error('refused')],
    [200, 'timeout', true, new Error('slow')],
    [undefined, 'client-left', false, new Error('left')],
    [206, 'client-left', true, new Error('left')],
    [203, 'refused', true, new Error('the token was revoked')],
    [202, 'refused', true, LIST_NOT_KNOWN],
  ]
  for (const [status, failure, answered, cause] of ends) {
    const one = forwarded(status)
    one.failed(failure, answered, cause)
    one.ended()
  }
  state.revoked.add(token)
  const refused = forwarded()
  refused.failed('refused', false, new Error('refused before sending'))
  refused.ended()
  t.strictSame(requestsIn(metrics), {
    '404 no-api': 1,
    '204 preflight': 1,
    '500 error': 1,
    '200 upstream': 1,
    '502 unreachable': 1,
    '200 timeout': 1,
    'none client-left': 1,
    '206 client-left': 1,
    '203 revoked': 1,
    '202 not-synchronised': 1,
    '401 revoked': 1,
  })
  t.equal(metrics.of().inProgress, 0)
  t.equal(sum(metrics.of().duration.counts), 11)
  t.equal(sum(metrics.of().upstream.counts), 5)
})

t.test('a WebSocket is counted as it opens, and not when it ends', async (t) => {
  const { exchange, metrics } = world()
  const socket = exchange()
  Object.defineProperty(socket, 'isWebSocket', { value: true })
  socket.forward(UPSTREAM, [], 'things')
  socket.answered(101)
  t.strictSame(requestsIn(metrics), { '101 upstream': 1 })
  t.equal(metrics.of().inProgress, 1)
  socket.failed('client-left', true, new Error('left'))
  socket.ended()
  t.strictSame(requestsIn(metrics), { '101 upstream': 1 })
  t.equal(metrics.of().inProgress, 0)
  t.equal(sum(metrics.of().duration.counts), 0)
})

function requestsIn(metrics: RequestMetrics): Record<string, number> {
  const samples: Samples = new Map()
  metrics.collect(samples)
  const counted = [...samples].filter(([key]) => key.startsWith('mgw_http_requests_total'))
  return Object.fromEntries(counted.map(([key, count]) => [key.split('\u0000').slice(-2).join(' '), count]))
}

function sum(counts: Float64Array): number {
  return counts.reduce((all, count) => all + count, 0)
}
