import t, { type Test } from 'tap'
import { isRefused } from '../../src/auth/authenticator.js'
import { openAuthentication } from '../../src/auth/index.js'
import { parseConfig } from '../../src/config/index.js'
import { silent } from '../../src/logging/index.js'
import { httpClient } from '../support/servers.js'
import { keyManager } from './key-manager.js'
import { fingerprints } from './tokens.js'

async function opened(t: Test, { keys = '', answer = { token_type: 'Bearer' } as object } = {}) {
  const state = { active: true }
  const manager = await keyManager(t, () => ({ body: { active: state.active, ...answer } }))
  const { config } = parseConfig(`[keyManager]\nserverUrl = "${manager.origin}"\n${keys}`, 'micro-gw.conf', {})
  const parts = { client: httpClient(t), fingerprints, logging: silent }
  const { authenticator, realtime } = await openAuthentication(config, parts)
  const reason = async (token: string) => {
    const outcome = await authenticator.authenticate(token, Date.now())
    return isRefused(outcome) ? outcome.reason : 'accepted'
  }
  return { state, asked: manager.asked, realtime, reason }
}

t.test('what was introspected before a gap, and during one, is asked for anew', async (t) => {
  const { state, asked, realtime, reason } = await opened(t)
  realtime(true)
  t.equal(await reason('before'), 'accepted')
  t.equal(await reason('before'), 'accepted')
  t.equal(asked.length, 1)
  realtime(false)
  t.equal(await reason('before'), 'accepted')
  t.equal(await reason('during'), 'accepted')
  t.equal(asked.length, 3)
  state.active = false // nobody hears of it: the topic's word is lost in the gap
  realtime(true)
  t.equal(await reason('before'), 'inactive')
  t.equal(await reason('during'), 'inactive')
})

t.test('acceptUntypedTokens: a key manager that never says what a token is', async (t) => {
  const hydra = { token_use: 'refresh_token' }
  t.equal(
    await (await opened(t, { answer: {} })).reason('untyped'),
    'token-type',
    'off, unless the configuration says so',
  )
  const keys = 'acceptUntypedTokens = true'
  t.equal(await (await opened(t, { keys, answer: {} })).reason('untyped'), 'accepted')
  t.equal(
    await (await opened(t, { keys, answer: hydra })).reason('refresh'),
    'token-type',
    'a type that is said counts',
  )
})
