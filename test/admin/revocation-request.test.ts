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
    [
      { jti: 'j-1', iss: 'https://a.example' },
      { kind: 'token', id: 'j-1', iss: 'https://a.example' },
    ],
    [
      { session: 's', iss: 'https://a.example' },
      { kind: 'session', id: 's', iss: 'https://a.example', revokedBefore: NOW },
    ],
    [
      { issuer: 'https://a.example', revokedBefore: 1_700_000_000 },
      { kind: 'issuer', iss: 'https://a.example', revokedBefore: 1_700_000_000_000 },
    ],
    [
      { claims: { tenant: 'acme', 'act.sub': 7, admin: true }, iss: 'https://a.example' },
      { kind: 'claims', claims: { tenant: 'acme', 'act.sub': '7', admin: 'true' }, revokedBefore: NOW },
    ],
  ]
  for (const [body, record] of cases) t.match(read(body), record, JSON.stringify(body))
})

t.test('an invalid request is answered with the name of the member, never its value', async (t) => {
  const cases: [unknown, RegExp][] = [
    ['', /JSON object/],
    ['[]', /JSON object/],
    ['null', /JSON object/],
    [{}, /exactly one of token, jti, subject, clientId, session, issuer, claims/],
    [{ jti: 'secret', subject: 'secret' }, /exactly one of/],
    [{ jti: 'secret', revokedbefore: 1 }, /unknown member; the members are token, jti/],
    [{ sub: 'secret' }, /unknown member; the members are token, jti/],
    [{ jti: 'secret', iss: '' }, /^iss must be a string/],
    [{ jti: 'secret', iss: 7 }, /^iss must be a string/],
    [{ issuer: 'secret', iss: 'secret' }, /^issuer .* excludes iss/],
    [{ claims: {} }, /^claims must be an object of 1 to 4/],
    [{ claims: ['secret'] }, /^claims must be an object of 1 to 4/],
    [{ claims: { a: ['secret'] } }, /^claims must be an object of 1 to 4/],
    [{ claims: { a: null } }, /^claims must be an object of 1 to 4/],
    [{ claims: { a: 1, b: 1, c: 1, d: 1, e: 1 } }, /^claims must be an object of 1 to 4/],
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

t.test('a rule without a moment is about what any issuer has issued by now', async (t) => {
  const request = (body: object) => readRevocationRequest(JSON.stringify(body), NOW, false, NOW + 5_000)
  t.match(request({ subject: 'alice' }), { revokedBefore: NOW + 5_000 })
  t.match(request({ subject: 'alice', revokedBefore: NOW }), { revokedBefore: NOW })
})

t.test('where several issuers are trusted, the jti of a whole JWT is that of its issuer', async (t) => {
  const token = jwt({ jti: 'j', iss: 'https://a.example', exp: EXP })
  const request = (body: object, ofItsIssuer: boolean) => readRevocationRequest(JSON.stringify(body), NOW, ofItsIssuer)
  t.match(request({ token }, true), { id: 'j', iss: 'https://a.example' })
  t.notOk('iss' in request({ token }, false))
  t.match(request({ token, iss: 'https://b.example' }, true), { problem: 'iss must be that of the token' })
  const unnamed = jwt({ iss: 'https://a.example', exp: EXP })
  t.match(request({ token: unnamed, iss: 'https://b.example' }, true), { problem: 'iss must be that of the token' })
  t.match(request({ token: jwt({ jti: 'j' }), iss: 'https://b.example' }, true), { iss: 'https://b.example' })
  t.match(request({ token, iss: 'https://a.example' }, false), { id: 'j', iss: 'https://a.example' })
  t.notOk('iss' in request({ jti: 'j' }, true), 'a jti alone says no issuer')
  t.notOk('iss' in request({ token: jwt({ iss: 'https://a.example', exp: EXP }) }, true), 'a signature is unique')
})
