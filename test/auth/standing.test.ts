import t from 'tap'
import type { Authenticated } from '../../src/auth/authenticator.js'
import type { Claims } from '../../src/auth/claims.js'
import { Standing } from '../../src/auth/standing.js'
import { WatchedTokens } from '../../src/auth/watched-tokens.js'
import { silent } from '../../src/logging/index.js'
import { gate } from './key-manager.js'
import { authenticator, issuer, NOW, signed } from './tokens.js'

const INTERVAL = 30_000

/** A verified token, and an issuer whose answers and clock the test owns. */
async function asking(interval = INTERVAL) {
  const credential = await signed()
  const authenticated = (await authenticator([issuer()]).authenticate(credential, NOW)) as Authenticated
  const state = { now: 0, asked: 0, answer: async (): Promise<Claims | undefined> => ({ active: true }) }
  const watched = new WatchedTokens()
  const standing = new Standing({
    introspection: {
      ask: () => {
        state.asked++
        return state.answer()
      },
    },
    interval,
    capacity: 100,
    watched,
    logger: silent('test'),
    monotonic: () => state.now,
  })
  const confirm = (token = credential) => standing.confirm(authenticated, token)
  return { state, watched, authenticated, credential, confirm }
}

t.test('a verdict is used for the interval from its question on, and not a moment longer', async (t) => {
  const { state, authenticated, confirm } = await asking()
  t.equal(await confirm(), authenticated)
  state.now = INTERVAL - 1
  t.equal(confirm(), authenticated, 'at once')
  t.equal(state.asked, 1)
  state.now = INTERVAL
  const late = confirm()
  t.ok(late instanceof Promise, 'not served from behind')
  t.equal(await late, authenticated)
  t.equal(state.asked, 2)
})

t.test('an inactive token is refused, and is asked about again after the interval', async (t) => {
  const { state, watched, authenticated, confirm } = await asking()
  state.answer = async () => undefined
  t.match(await confirm(), { reason: 'inactive' })
  t.match(confirm(), { reason: 'inactive' })
  t.equal(state.asked, 1)
  t.equal(watched.of(authenticated.identity), undefined)
  state.now = INTERVAL
  state.answer = async () => ({ active: true })
  t.equal(await confirm(), authenticated, 'a verdict that was wrong is put right')
})

t.test('without an answer a token is refused as unavailable, whatever was known of it', async (t) => {
  const { state, authenticated, confirm } = await asking()
  await confirm()
  state.now = INTERVAL
  state.answer = async () => {
    throw new Error('away')
  }
  t.match(await confirm(), { reason: 'key-manager', fault: { status: 503 } })
  state.answer = async () => ({ active: true })
  t.equal(await confirm(), authenticated, 'the failure is not remembered')
})

t.test('requests share a question, unless it was asked too long ago for them', async (t) => {
  const { state, confirm } = await asking()
  const [first, second] = [gate<Claims | undefined>(), gate<Claims | undefined>()]
  const gates = [first, second]
  state.answer = () => gates.shift()?.opened ?? Promise.resolve(undefined)
  const early = [confirm(), confirm()]
  t.equal(state.asked, 1)
  state.now = INTERVAL
  const late = confirm()
  t.equal(state.asked, 2)
  second.open(undefined)
  t.match(await late, { reason: 'inactive' })
  first.open({ active: true })
  for (const each of early) t.match(await each, { reason: 'inactive' }, 'the newest verdict counts')
  t.match(confirm(), { reason: 'inactive' }, 'a late answer replaces no later one')
})

t.test('an answer that took longer than the interval is not used: it is asked again, for a time', async (t) => {
  const { state, authenticated, confirm } = await asking(1_000)
  const slowUntil = (last: number) => async () => {
    state.now += state.asked < last ? 1_500 : 0
    return { active: true }
  }
  state.answer = slowUntil(3)
  t.equal(await confirm(), authenticated)
  t.equal(state.asked, 3)
  state.now += 1_000
  state.answer = slowUntil(100)
  t.match(await confirm(), { reason: 'key-manager', fault: { status: 503 } })
  t.equal(state.asked, 3 + 4)
})

t.test('what was called active is watched', async (t) => {
  const { state, watched, authenticated, credential, confirm } = await asking()
  state.now = 7
  await confirm()
  t.same(watched.of(authenticated.identity), { credential, interval: INTERVAL, askedAt: 7 })
  t.equal(watched.shortest, INTERVAL)
})
