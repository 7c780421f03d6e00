import t from 'tap'
import { readRevocationRequest } from '../../src/admin/revocation-request.js'

const NOW = 1_800_000_000_000
const read = (body: unknown) => readRevocationRequest(typeof body === 'string' ? body : JSON.stringify(body), NOW)
const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
const jwt = (claims: object) => `${encode({ alg: 'RS256' })}.${encode(claims)}.AAAA`
const EXP = NOW / 1000 + 60

t.test('each member selects what is revoked', async (t) => {
  const cases: [object, object][] = [
    [{ jti: 'j-1' }, { kind: 'token', id: 'j-1', expiresAt: undefined }],
    [
      { jti: 'j-1', expiry: EXP },
      { kind: 'token', id: 'j-1', expiresAt: EXP * 1000 },
    ],
    [{ token: jwt({ jti: 'j-2', exp: EXP }) }, { kind: 'token', id: 'j-2', expiresAt: EXP * 1000 }],
    [
      { token: jwt({ jti: 'j-2', exp: EXP }), expiry: NOW + 5 },
      { kind: 'token', id: 'j-2', expiresAt: NOW + 5 },
    ],
    [{ token: jwt({ exp: EXP }) }, { kind: 'token', id: 'AAAA', expiresAt: EXP * 1000 }],
    [{ token: ' opaque-1\n' }, { kind: 'token', id: 'opaque-1', expiresAt: undefined }],
    [{ subject: 'alice' }, { kind: 'subject', id: 'alice', revokedBefore: NOW, expiresAt: undefined }],
    [
      { session: 's', revokedBefore: 1_700_000_000 },
      { kind: 'session', id: 's', revokedBefore: 1_700_000_000_000 },
    ],
    [
      { clientId: 'c', revokedBefore: NOW - 7 },
      { kind: 'client', id: 'c', revokedBefore: NOW - 7 },
    ],
    [
      { subject: 'alice', revokedBefore: '2026-01-02T03:04:05Z', expiry: '2030-01-01T00:00:00Z' },
      { kind: 'subject', revokedBefore: Date.UTC(2026, 0, 2, 3, 4, 5), expiresAt: Date.UTC(2030, 0, 1) },
    ],
    [{ subject: '__proto__' }, { kind: 'subject', id: '__proto__' }],
  ]
  for (const [body, record] of cases) t.match(read(body), record, JSON.stringify(body))
})

t.test('an invalid request is answered with the name of the member, never its value', async (t) => {
  const cases: [unknown, RegExp][] = [
    ['', /JSON object/],
    ['[]', /JSON object/],
    ['null', /JSON object/],
    [{}, /exactly one of token, jti, subject, clientId, session/],
    [{ jti: 'secret', subject: 'secret' }, /exactly one of/],
    [{ jti: 'secret', revokedbefore: 1 }, /unknown member; the members are token, jti/],
    [{ sub: 'secret' }, /unknown member; the members are token, jti/],
    [{ jti: 17 }, /^jti must be a non-empty string/],
    [{ token: ' ' }, /^token must be a non-empty string/],
    [{ token: 'secret secret' }, /^token must be visible ASCII/],
    [{ token: 'x'.repeat(65_537) }, /^token must be visible ASCII/],
    [{ session: 's'.repeat(16_385) }, /^session must have at most 16384/],
    [{ jti: 'secret', revokedBefore: 1 }, /^revokedBefore requires/],
    [{ subject: 'secret', revokedBefore: 'yesterday' }, /^revokedBefore must be/],
    [{ subject: 'secret', revokedBefore: 0 }, /^revokedBefore must be/],
    [{ subject: 'secret', revokedBefore: NOW + 60_001 }, /^revokedBefore must not be in the future/],
    [{ subject: 'secret', expiry: NOW }, /^expiry must be a future time/],
    [{ jti: 'secret', expiry: 'later' }, /^expiry must be/],
    [{ jti: 'secret', expiry: null }, /^expiry must be/],
  ]
  for (const [body, problem] of cases) {
    const outcome = read(body)
    t.match(outcome, { problem }, JSON.stringify(body).slice(0, 80))
    t.notMatch(outcome, { problem: /secret/ })
  }
})
