import t from 'tap'
import { type Authenticated, type Refused, WatchedTokens } from '../../src/auth/index.js'
import { INACTIVE } from '../../src/auth/refusals.js'
import { StandingWatch } from '../../src/gateway/standing-watch.js'
import { silent } from '../../src/logging/index.js'
import { RequestMetrics } from '../../src/metrics/index.js'
import { OpenRequests } from '../../src/proxy/index.js'
import type { TokenIdentity } from '../../src/token/index.js'
import { authenticator, issuer, NOW, signed } from '../auth/tokens.js'
import { FakeClock } from '../time/fake-clock.js'

const INTERVAL = 1_000

t.test('open requests of a token end once it is inactive, and stay once its issuer is asked no longer', async (t) => {
  const credential = await signed()
  const authenticated = (await authenticator([issuer()]).authenticate(credential, NOW)) as Authenticated
  const outcomes: readonly [Authenticated | Refused, ends: boolean][] = [
    [authenticated, false],
    [INACTIVE, true],
  ]
  for (const [outcome, ends] of outcomes) {
    const clock = new FakeClock()
    const watched = new WatchedTokens()
    const openRequests = new OpenRequests<TokenIdentity>(({ ids }) => ids)
    let ended = 0
    openRequests.add(authenticated.identity, { abort: () => void ended++ })
    watched.confirmed(authenticated.identity, { credential, interval: INTERVAL, askedAt: clock.elapsed() })
    const watch = new StandingWatch({
      openRequests,
      watched,
      authenticate: async () => ('identity' in outcome ? { ...outcome, identity: { ...outcome.identity } } : outcome),
      metrics: new RequestMetrics(),
      logger: silent('test'),
      clock,
    })
    watch.start()
    for (let looks = 0; looks < 30; looks++) {
      clock.advance(INTERVAL / 8)
      await new Promise(setImmediate)
    }
    watch.stop()
    t.equal(ended > 0, ends)
  }
})
