import fc from 'fast-check'
import t from 'tap'
import { type EventRules, interpret } from '../../../src/sources/ssf/interpret.js'
import { readSet } from '../../../src/sources/ssf/read-set.js'
import { SetError } from '../../../src/sources/ssf/set-error.js'
import type { JsonObject } from '../../../src/token/index.js'

const ISSUER = 'https://idp.example.com/realms/shop'
const OTHER = 'https://idp.example.com/realms/other'
const AT = 1_790_000_000
const CAEP = 'https://schemas.openid.net/secevent/caep/event-type/'
const RISC = 'https://schemas.openid.net/secevent/risc/event-type/'
const SSF = 'https://schemas.openid.net/secevent/ssf/event-type/'
const EXPECTED = { issuer: ISSUER, audience: ['gateway', 'gateway/stream'], latest: (AT + 60) * 1000 }
const RULES: EventRules = {
  issuer: ISSUER,
  emailClaim: undefined,
  ignoredMembers: new Set(),
  criticalMembers: new Set(),
  events: new Set(['session-revoked', 'sessions-revoked', 'account-disabled', 'account-purged', 'credential-change']),
  streamId: 'stream-1',
}
const ALICE = { format: 'iss_sub', iss: ISSUER, sub: 'alice' }
const SESSION = { format: 'opaque', id: 's1' }
const ALL = { format: 'opaque', id: 'ALL' }
const complex = (members: JsonObject) => ({ format: 'complex', ...members })

function claims(more: JsonObject = {}): JsonObject {
  return {
    iss: ISSUER,
    aud: 'gateway',
    jti: 'j1',
    iat: AT,
    sub_id: ALICE,
    ...event('caep', 'session-revoked'),
    ...more,
  }
}

function event(profile: 'caep' | 'risc' | 'ssf', name: string, payload: JsonObject = {}): { events: JsonObject } {
  return { events: { [{ caep: CAEP, risc: RISC, ssf: SSF }[profile] + name]: payload } }
}

function read(set: JsonObject, rules: Partial<EventRules> = {}) {
  return interpret(readSet(set, EXPECTED), { ...RULES, ...rules })
}

t.test('a SET that is not one of the stream, or not one at all, is refused', async (t) => {
  const rows: [what: string, more: JsonObject, code: string, reason: string][] = [
    ['another issuer', { iss: OTHER }, 'invalid_issuer', 'issuer'],
    ['no issuer', { iss: undefined }, 'invalid_issuer', 'issuer'],
    ['an issuer that differs by a slash', { iss: `${ISSUER}/` }, 'invalid_issuer', 'issuer'],
    ['another audience', { aud: 'somebody' }, 'invalid_audience', 'audience'],
    ['no audience', { aud: undefined }, 'invalid_audience', 'audience'],
    ['an audience of objects', { aud: [{ aud: 'gateway' }] }, 'invalid_audience', 'audience'],
    ['exp, as an access token has', { exp: AT + 60 }, 'invalid_request', 'exp'],
    ['exp null', { exp: null }, 'invalid_request', 'exp'],
    ['sub, as an ID token has', { sub: 'alice' }, 'invalid_request', 'sub'],
    ['no jti', { jti: undefined }, 'invalid_request', 'jti'],
    ['an empty jti', { jti: '' }, 'invalid_request', 'jti'],
    ['a jti of 1025 characters', { jti: 'x'.repeat(1025) }, 'invalid_request', 'jti'],
    ['no iat', { iat: undefined }, 'invalid_request', 'iat'],
    ['iat as text', { iat: String(AT) }, 'invalid_request', 'iat'],
    ['iat ahead', { iat: AT + 61 }, 'invalid_request', 'future'],
    ['no sub_id', { sub_id: undefined }, 'invalid_request', 'subject'],
    ['sub_id as text', { sub_id: 'alice' }, 'invalid_request', 'subject'],
    ['sub_id as a list', { sub_id: [ALICE] }, 'invalid_request', 'subject'],
    ['no events', { events: undefined }, 'invalid_request', 'events'],
    ['events as a list', { events: [`${CAEP}session-revoked`] }, 'invalid_request', 'events'],
    ['no event', { events: {} }, 'invalid_request', 'events'],
    ['an event that is no object', { events: { [`${CAEP}session-revoked`]: 'now' } }, 'invalid_request', 'events'],
    [
      '9 events',
      { events: Object.fromEntries('abcdefghi'.split('').map((e) => [e, {}])) },
      'invalid_request',
      'events',
    ],
  ]
  for (const [what, more, code, reason] of rows) {
    const { message: _, ...wanted } = { message: '', code, reason }
    t.throws(() => readSet(claims(more), EXPECTED), { name: 'SetError', ...wanted }, what)
  }
})

t.test('only a SET that lies ahead may be accepted later', async (t) => {
  const mayPass = (more: JsonObject) => {
    try {
      readSet(claims(more), EXPECTED)
      return 'read'
    } catch (error) {
      return error instanceof SetError && error.mayPass
    }
  }
  t.equal(mayPass({ iat: AT + 61 }), true)
  t.equal(mayPass({ exp: AT }), false)
  t.equal(mayPass({}), 'read')
})

t.test('aud is text or a list, and unknown claims are ignored', async (t) => {
  for (const aud of ['gateway', ['somebody', 'gateway/stream']]) {
    t.match(readSet(claims({ aud, txn: 't', toe: 1, cnf: {} }), EXPECTED), { jti: 'j1', issuedAt: AT * 1000 })
  }
})

t.test('what a session-revoked event ends', async (t) => {
  const user = { who: { kind: 'user', sub: 'alice' }, at: AT }
  const session = { who: { kind: 'session', sid: 's1' }, at: AT }
  const rows: [what: string, sub_id: JsonObject, ended: unknown][] = [
    ['a user', ALICE, user],
    ['a user and a session: the session', complex({ user: ALICE, session: SESSION }), session],
    ['a session alone', complex({ session: SESSION }), session],
    ['a session called ALL: the user', complex({ user: ALICE, session: ALL }), user],
    ['a complex subject with only a user', complex({ user: ALICE }), user],
    ['as before RFC 9493, without format', { user: ALICE, session: SESSION }, session],
    ['a session on a device', complex({ user: ALICE, session: SESSION, device: SESSION, tenant: SESSION }), session],
    ['an opaque name', { format: 'opaque', id: 'x' }, { who: { kind: 'session or user', id: 'x' }, at: AT }],
    [
      'a user by an opaque name',
      complex({ user: { format: 'opaque', id: 'bob' } }),
      { who: { kind: 'user', sub: 'bob' } },
    ],
    ['a token', { format: 'jwt_id', iss: ISSUER, jti: 'j' }, { who: { kind: 'token', jti: 'j' } }],
    [
      'a token as the session',
      complex({ session: { format: 'jwt_id', iss: ISSUER, jti: 'j' } }),
      { who: { jti: 'j' } },
    ],
    [
      'the first alias that can be read',
      { format: 'aliases', identifiers: [{ format: 'uri', uri: 'a:b' }, ALICE] },
      user,
    ],
  ]
  for (const [what, sub_id, ended] of rows) {
    const found = read(claims({ sub_id }))
    t.match(found, { ended: [ended], news: [], ignored: 0 }, what)
    t.equal(found.problem, undefined, what)
  }
})

t.test('a subject that cannot be read as it says ends nothing: neither less nor more', async (t) => {
  const rows: [what: string, sub_id: JsonObject, reason: string][] = [
    ['a user of another issuer', { ...ALICE, iss: OTHER }, 'subject-foreign'],
    [
      'a session of another issuer’s user',
      complex({ user: { ...ALICE, iss: OTHER }, session: SESSION }),
      'subject-foreign',
    ],
    ['a token of another issuer', { format: 'jwt_id', iss: OTHER, jti: 'j' }, 'subject-foreign'],
    ['a user without sub', { format: 'iss_sub', iss: ISSUER }, 'subject-format'],
    ['a user whose sub is a number', { ...ALICE, sub: 7 }, 'subject-format'],
    ['an address, without emailClaim', { format: 'email', email: 'a@example.com' }, 'subject-format'],
    ['a telephone number', { format: 'phone_number', phone_number: '+1' }, 'subject-format'],
    ['no format', { iss: ISSUER, sub: 'alice' }, 'subject-format'],
    ['all sessions, of nobody', complex({ session: ALL }), 'subject-format'],
    ['all sessions, as a simple subject', ALL, 'subject-format'],
    ['a session in another format', complex({ user: ALICE, session: { format: 'uri', uri: 'a:b' } }), 'subject-format'],
    ['a session without id', complex({ user: ALICE, session: { format: 'opaque' } }), 'subject-format'],
    ['a session that is text', complex({ user: ALICE, session: 's1' }), 'subject-format'],
    ['a user on one device', complex({ user: ALICE, device: SESSION }), 'subject-narrowed'],
    ['a user at one application', complex({ user: ALICE, application: SESSION }), 'subject-narrowed'],
    ['a session at one application', complex({ session: SESSION, application: SESSION }), 'subject-narrowed'],
    ['a user in one tenant', complex({ user: ALICE, tenant: SESSION }), 'subject-narrowed'],
    ['a user with what nobody knows', complex({ user: ALICE, browser: SESSION }), 'subject-narrowed'],
    ['only a tenant', complex({ tenant: SESSION }), 'subject-narrowed'],
    [
      'aliases in aliases',
      { format: 'aliases', identifiers: [{ format: 'aliases', identifiers: [ALICE] }] },
      'subject-format',
    ],
    ['aliases that are no list', { format: 'aliases', identifiers: ALICE }, 'subject-format'],
  ]
  for (const [what, sub_id, reason] of rows) {
    t.match(read(claims({ sub_id })), { ended: [], problem: { code: 'invalid_request', reason, mayPass: false } }, what)
  }
  const other = read(claims(event('caep', 'session-revoked', { subject: complex({ user: ALICE, device: SESSION }) })))
  t.match(other, { ended: [], problem: { reason: 'two-subjects' } }, 'another subject in the event')
  t.match(read(claims(event('caep', 'session-revoked', { subject: ALICE }))).ended, [{ who: { sub: 'alice' } }])
})

t.test('what the operator says of a transmitter’s subjects', async (t) => {
  const inTenant = complex({ user: ALICE, tenant: SESSION })
  t.match(read(claims({ sub_id: inTenant }), { ignoredMembers: new Set(['tenant']) }).ended, [
    { who: { sub: 'alice' } },
  ])
  const email = { format: 'email', email: 'Alice@example.com' }
  t.match(read(claims({ sub_id: email }), { emailClaim: 'email' }).ended, [
    { who: { kind: 'email', email: email.email } },
  ])
  const onDevice = complex({ session: SESSION, device: SESSION })
  const critical = { criticalMembers: new Set(['device', 'session']) }
  t.match(read(claims({ sub_id: onDevice }), critical).problem, { reason: 'subject-narrowed' }, 'a critical member')
})

t.test(
  'what an event about an account ends: the user, unless a session, device or application narrows it',
  async (t) => {
    const tokens = { who: { kind: 'user', sub: 'alice' }, at: AT }
    for (const [profile, name] of [
      ['risc', 'account-disabled'],
      ['risc', 'account-purged'],
      ['risc', 'sessions-revoked'],
      ['caep', 'credential-change'],
    ] as const) {
      for (const sub_id of [ALICE, complex({ user: ALICE }), complex({ user: ALICE, session: ALL })]) {
        t.match(read(claims({ sub_id, ...event(profile, name) })), { ended: [tokens], ignored: 0 }, name)
      }
      for (const member of ['session', 'device', 'application']) {
        const told = claims({ sub_id: complex({ user: ALICE, [member]: SESSION }), ...event(profile, name) })
        t.match(read(told), { ended: [], problem: { reason: 'subject-narrowed' } }, `${name}, one ${member}`)
        t.match(read(told, { ignoredMembers: new Set([member]) }).ended, [tokens], `${name}, ${member} ignored`)
      }
      const off = { events: new Set<never>() }
      t.match(
        read(claims(event(profile, name)), off),
        { ended: [], ignored: 1, problem: undefined },
        `${name} switched off`,
      )
    }
    const narrowed = read(
      claims({ sub_id: complex({ user: ALICE, group: SESSION }), ...event('risc', 'account-disabled') }),
    )
    t.match(narrowed, { ended: [], problem: { reason: 'subject-narrowed' } })
    const token = read(
      claims({ sub_id: { format: 'jwt_id', iss: ISSUER, jti: 'j' }, ...event('risc', 'account-purged') }),
    )
    t.match(token, { ended: [], problem: { reason: 'subject-format' } }, 'a token is no account')
  },
)

t.test('what ends nothing is ignored, whatever its subject', async (t) => {
  for (const [profile, name, payload] of [
    ['caep', 'token-claims-change', {}],
    ['caep', 'assurance-level-change', {}],
    ['caep', 'device-compliance-change', {}],
    ['risc', 'account-enabled', {}],
    ['risc', 'credential-compromise', {}],
    ['caep', 'credential-change', { change_type: 'create' }],
    ['caep', 'made-up', {}],
  ] as const) {
    const found = read(claims({ sub_id: { format: 'uri', uri: 'a:b' }, ...event(profile, name, payload) }))
    t.strictSame(found, { ended: [], news: [], ignored: 1 }, name)
  }
})

t.test('when it happened: event_timestamp in s or ms, never after the SET was issued', async (t) => {
  for (const [at, second] of [
    [undefined, AT],
    [AT - 100, AT - 100],
    [(AT - 100) * 1000 + 999, AT - 100],
    [AT + 50, AT],
    [9e15, AT],
    ['now', AT],
    [0, AT],
  ] as const) {
    const found = read(claims(event('caep', 'session-revoked', at === undefined ? {} : { event_timestamp: at })))
    t.equal(found.ended[0]?.at, second, String(at))
  }
})

t.test('what the transmitter says of the stream', async (t) => {
  const stream = { format: 'opaque', id: 'stream-1' }
  const told = (name: string, payload: JsonObject, sub_id: JsonObject = stream) =>
    read(claims({ sub_id, ...event('ssf', name, payload) }))
  t.match(told('verification', { state: 'x' }).news, [{ kind: 'verification', state: 'x' }])
  t.match(told('verification', {}).news, [{ kind: 'verification', state: undefined }])
  t.match(told('stream-updated', { status: 'paused' }).news, [{ kind: 'updated', status: 'paused' }])
  t.match(told('stream-updated', { status: { status: 'disabled' } }).news, [{ kind: 'updated', status: 'disabled' }])
  t.match(told('stream-updated', { status: 'gone' }).problem, { reason: 'status' })
  t.match(told('verification', { state: 'x' }, { format: 'opaque', id: 'stream-2' }), {
    news: [],
    problem: { reason: 'stream' },
  })
  t.match(told('verification', {}, ALICE), { news: [], problem: { reason: 'stream' } })
})

t.test('of several events the good ones count', async (t) => {
  const events = {
    [`${CAEP}session-revoked`]: {},
    [`${RISC}account-purged`]: { subject: SESSION },
    'https://example.com/other': {},
  }
  const found = read(claims({ events }))
  t.match(found, { ended: [{ who: { sub: 'alice' } }], ignored: 1, problem: { reason: 'two-subjects' } })
})

t.test('any claims are read or refused, and never anything else', async (t) => {
  const value = fc.jsonValue({ maxDepth: 3 })
  const subject = fc.oneof(
    value,
    fc.record(
      {
        format: fc.constantFrom('complex', 'iss_sub', 'opaque', 'aliases', 'jwt_id'),
        iss: fc.constant(ISSUER),
        id: value,
        sub: value,
        user: value,
        session: value,
        identifiers: value,
      },
      { requiredKeys: [] },
    ),
  )
  const events = fc.oneof(
    value,
    fc.dictionary(
      fc.constantFrom(`${CAEP}session-revoked`, `${RISC}account-purged`, `${SSF}verification`, 'other'),
      fc.dictionary(fc.constantFrom('subject', 'event_timestamp', 'state', 'change_type'), value),
    ),
  )
  const property = fc.property(
    fc.record({ iat: fc.oneof(value, fc.constant(AT)), sub_id: subject, events }),
    (more) => {
      try {
        const { ended } = read(claims(more as JsonObject))
        for (const { at } of ended) if (!(Number.isInteger(at) && at <= AT + 60)) throw new Error('a time that is none')
      } catch (error) {
        if (!(error instanceof SetError)) throw error
      }
    },
  )
  fc.assert(property, { numRuns: 2_000 })
  t.pass()
})
