import t from 'tap'
import { faults } from '../../src/faults/index.js'
import { silent } from '../../src/logging/index.js'
import type { Revocation } from '../../src/revocation/lookup.js'
import { LastCheck } from '../../src/server/last-check.js'
import type { ReceivedRequest } from '../../src/server/received-request.js'
import { RequestLog } from '../../src/server/request-log.js'
import type { TokenIdentity } from '../../src/token/identity.js'

const identity: TokenIdentity = {
  ids: [],
  subjects: [],
  clients: [],
  sessions: [],
  issuedAt: 0,
  expiresAt: undefined,
  hash: '',
}
const request = { number: 1 } as ReceivedRequest
const caller = { identity, api: 'things' }

t.test('a list that has become unknown while a token was judged lets nothing leave', (t) => {
  const refused: TokenIdentity[] = []
  const list = {
    isKnown: true,
    endedBefore: 0,
    revocation: undefined as Revocation | undefined,
    find: () => list.revocation,
    refused: (token: TokenIdentity) => refused.push(token),
  }
  const check = new LastCheck(list, new RequestLog(silent))
  t.equal(check.refusal(request, caller), undefined)
  list.isKnown = false
  t.match(check.refusal(request, caller), { fault: faults.notSynchronised, reason: 'not-synchronised' })
  list.isKnown = true
  t.equal(check.refusal(request, caller), undefined)
  list.revocation = { by: 'jti', source: 'topic', learntAt: 0 } as Revocation
  t.match(check.refusal(request, caller), { fault: faults.invalidCredentials, reason: 'revoked' })
  t.strictSame(refused, [identity])
  t.end()
})
