import t from 'tap'
import { RevocationList } from '../../../src/revocation/index.js'
import * as records from '../../../src/sources/identity-provider/index.js'
import { Fingerprinter, identify, readCredential } from '../../../src/token/index.js'
import { hmacRaw } from '../../auth/tokens.js'

const ISSUER = 'https://idp.example'
const NOW = 1_800_000_000_000
const SECOND = NOW / 1000
const fingerprints = Fingerprinter.random()

/** What revokes a token with these claims, where one record alone is on the list. */
function revokedBy(record: Parameters<RevocationList['add']>[0], claims: object): string | undefined {
  const list = new RevocationList({ fingerprints, retention: 86_400_000 })
  list.add(record, 'idp', NOW)
  const jwt = readCredential(hmacRaw('secret', claims))
  if (jwt.kind !== 'jwt') throw new TypeError('no JWT')
  return list.find(identify(jwt, jwt.claims, fingerprints))?.by
}

t.test('what an identity provider ends is ended for its own tokens, and for those alone', async (t) => {
  const token = { iss: ISSUER, jti: 'j', sub: 'alice', sid: 's', azp: 'app', iat: SECOND }
  const cases = {
    session: records.sessionEnded(ISSUER, 's'),
    subject: records.subjectEnded(ISSUER, 'alice', SECOND),
    claims: records.clientEnded(ISSUER, 'app', NOW + 1),
    issuer: records.issuerEnded(ISSUER, NOW + 1),
    jti: records.tokenEnded(ISSUER, 'j'),
  }
  for (const [by, record] of Object.entries(cases)) {
    t.equal(revokedBy(record, token), by)
    t.equal(revokedBy(record, { ...token, iss: 'https://other.example' }), undefined, `${by}: another issuer's`)
  }
})

t.test('a session has ended for tokens that are issued later, too', async (t) => {
  const later = { iss: ISSUER, sid: 's', iat: SECOND + 1e9 }
  t.equal(revokedBy(records.sessionEnded(ISSUER, 's'), later), 'session')
})

t.test('a subject’s tokens end up to and including the second of the moment', async (t) => {
  for (const at of [SECOND, SECOND + 0.5]) {
    const record = records.subjectEnded(ISSUER, 'alice', at)
    const by = (iat: number) => revokedBy(record, { iss: ISSUER, sub: 'alice', iat })
    t.same([by(SECOND - 1), by(SECOND), by(SECOND + 0.9), by(SECOND + 1)], ['subject', 'subject', 'subject', undefined])
  }
})

t.test('a client’s tokens are those issued to it, not those that are for it', async (t) => {
  const record = records.clientEnded(ISSUER, 'app', NOW)
  t.equal(revokedBy(record, { iss: ISSUER, azp: 'other', aud: 'app', iat: SECOND - 1 }), undefined)
  t.equal(revokedBy(record, { iss: ISSUER, azp: 'app', iat: SECOND - 1 }), 'claims')
  t.equal(revokedBy(record, { iss: ISSUER, azp: 'app', iat: SECOND }), undefined, 'before the moment only')
})

t.test('a name is a string of 1 to 1,024 characters', async (t) => {
  for (const good of ['a', 'a'.repeat(1_024)]) t.ok(records.isName(good))
  for (const bad of ['', 'a'.repeat(1_025), 7, null, undefined, ['a'], {}]) t.notOk(records.isName(bad))
})
