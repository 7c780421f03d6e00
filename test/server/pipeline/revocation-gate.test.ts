import t from 'tap'
import { faults } from '../../../src/faults/index.js'
import { silent } from '../../../src/logging/index.js'
import type { Revocation } from '../../../src/revocation/lookup.js'
import { RequestLog } from '../../../src/server/log/request-log.js'
import { RevocationGate } from '../../../src/server/pipeline/revocation-gate.js'
import type { TokenIdentity } from '../../../src/token/identity.js'
import { NOBODY } from '../../token/nobody.js'

const request = { requestId: '1' }

t.test('a list that has become unknown while a token was judged lets nothing leave', (t) => {
  const refused: TokenIdentity[] = []
  const list = {
    isKnown: true,
    endedBefore: 0,
    revocation: undefined as Revocation | undefined,
    find: () => list.revocation,
    refused: (token: TokenIdentity) => refused.push(token),
  }
  const gate = new RevocationGate(list, new RequestLog(silent))
  t.equal(gate.refusal(request, NOBODY, 'things'), undefined)
  list.isKnown = false
  t.match(gate.refusal(request, NOBODY, 'things'), { fault: faults.notSynchronised, reason: 'not-synchronised' })
  list.isKnown = true
  t.equal(gate.refusal(request, NOBODY, 'things'), undefined)
  list.revocation = { by: 'jti', source: 'topic', learntAt: 0 } as Revocation
  t.match(gate.refusal(request, NOBODY, 'things'), { fault: faults.invalidCredentials, reason: 'revoked' })
  t.strictSame(refused, [NOBODY])
  t.end()
})
