import fc from 'fast-check'
import t from 'tap'
import { NEVER, RevocationList } from '../../../src/revocation/index.js'
import { MAX_BODY_LENGTH } from '../../../src/sources/message/fields.js'
import type { TopicMessage } from '../../../src/sources/message/message.js'
import { MALFORMED_REASONS } from '../../../src/sources/message/message.js'
import { MAX_ID_LENGTH, readMessage } from '../../../src/sources/message/read-message.js'
import { revocationEvent } from '../../../src/sources/message/revocation-event.js'
import { Fingerprinter, identify } from '../../../src/token/index.js'

const NOW = 1_600_000_000_000
const LATER = NOW + 3_600_000
const LONG_MAX = 9223372036854775807n

const token = (id: string, expiresAt?: number, scope: { iss?: string | null } = {}) => ({
  kind: 'records',
  records: [{ kind: 'token', id, ...scope, expiresAt }],
})
const map = (fields: object): TopicMessage => ({ map: new Map(Object.entries(fields)) })
const json = (value: unknown): TopicMessage => ({ text: JSON.stringify(value) })
const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64')
const long = (value: bigint) => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(value)
  return bytes
}

t.test('a token is read from every shape that publishers send', async (t) => {
  const shapes: [string, TopicMessage, unknown][] = [
    ['APIM 3.0: a map of token and ttl', map({ revokedToken: 'a.b.c', ttl: '3600' }), token('a.b.c')],
    ['APIM 3.1: expiryTime as a long', map({ revokedToken: 'a', ttl: 5000, expiryTime: LATER }), token('a', LATER)],
    ['an opaque token has expiryTime 0', map({ revokedToken: 'a', expiryTime: 0 }), token('a')],
    ['a number', { text: '{"revokedToken":12345678901234567890}' }, token('12345678901234567890')],
    ['a third party without ttl', map({ revokedToken: 'a' }), token('a')],
    ['any issuer’s', map({ revokedToken: 'a', iss: null }), token('a', undefined, { iss: null })],
    ['an issuer that is none', map({ revokedToken: 'a', iss: '' }), token('a', undefined, { iss: null })],
    ['issuers', map({ revokedToken: 'a', iss: ['b'] }), token('a', undefined, { iss: null })],
    ['an issuer’s alone', map({ revokedToken: 'a', iss: 'https://i' }), token('a', undefined, { iss: 'https://i' })],
    [
      'an issuer’s alone, in JSON',
      json({ revokedToken: 'a', iss: 'https://i' }),
      token('a', undefined, { iss: 'https://i' }),
    ],
    [
      'APIM 4: JSON under event.payloadData',
      json({ event: { payloadData: { revokedToken: 'a', ttl: '5000', expiryTime: LATER, type: 'Default' } } }),
      token('a', LATER),
    ],
    ['flat JSON', json({ revokedToken: 'a', expiryTime: String(LATER) }), token('a', LATER)],
    ['JSON as bytes', { bytes: Buffer.from('{"revokedToken":"a"}') }, token('a')],
    ['JSON after a byte order mark', { bytes: Buffer.from('\ufeff{"revokedToken":"a"}') }, token('a')],
    ["ActiveMQ's REST form", { text: '', properties: new Map([['revokedToken', 'a']]) }, token('a')],
    ['properties alone', { properties: new Map<string, unknown>([['revokedToken', 'a']]) }, token('a')],
    ["ActiveMQ's REST form as text", { text: 'revokedToken=a%2Eb&type=Default&expiryTime=' }, token('a.b')],
    ["ActiveMQ's REST form as bytes", { bytes: Buffer.from('ttl=3600&revokedToken=a\r\n') }, token('a')],
    ['properties beside a text that is none', { text: 'x', properties: new Map([['revokedToken', 'a']]) }, token('a')],
    [
      'a body wins over properties',
      { text: '{"revokedToken":"b"}', properties: new Map([['revokedToken', 'a']]) },
      token('b'),
    ],
    ['seconds', map({ revokedToken: 'a', expiryTime: LATER / 1000 }), token('a', LATER)],
    ['a bigint', map({ revokedToken: 'a', expiryTime: BigInt(LATER) }), token('a', LATER)],
    ['8 bytes of a long', map({ revokedToken: 'a', expiryTime: long(BigInt(LATER)) }), token('a', LATER)],
    ['Long.MAX as 8 bytes', map({ revokedToken: 'a', expiryTime: long(LONG_MAX) }), token('a', NEVER)],
    ['Long.MAX as a bigint', map({ revokedToken: 'a', expiryTime: LONG_MAX }), token('a', NEVER)],
    ['Long.MAX in JSON', { text: `{"revokedToken":"a","expiryTime":${LONG_MAX}}` }, token('a', NEVER)],
    ['a timestamp', map({ revokedToken: 'a', expiryTime: new Date(LATER) }), token('a', LATER)],
    ['an expiry that has passed is unknown', map({ revokedToken: 'a', expiryTime: NOW - 1 }), token('a')],
    ['a token that is a number', json({ revokedToken: 12345 }), token('12345')],
    ['a token as UTF-8 bytes', map({ revokedToken: Buffer.from('abc') }), token('abc')],
    ['white space around the token, which may be its own', map({ revokedToken: ' a\n' }), token(' a\n')],
    ['the same, as bytes', map({ revokedToken: Buffer.from(' a') }), token(' a')],
    ['white space around the issuer', map({ revokedToken: 'a', iss: ' b' }), token('a', undefined, { iss: null })],
  ]
  for (const [title, message, reading] of shapes) t.same(readMessage(message, NOW), reading, title)
})

t.test('an indirect event becomes a rule', async (t) => {
  const app = (content: unknown) => json({ revokedToken: base64(content), type: 'consumer_app_revocation_event' })
  const entity = (content: unknown) => map({ revokedToken: base64(content), type: 'subject_entity_revocation_event' })
  const rule = (kind: string, id: string) => ({
    kind: 'records',
    records: [{ kind, id, revokedBefore: NOW, expiresAt: undefined }],
  })
  t.same(readMessage(app({ consumerKey: 'key', revocationTime: `${NOW}` }), NOW), rule('client', 'key'))
  const at = { revocationTime: `${NOW}` }
  t.same(readMessage(entity({ entityId: 'u', entityType: 'USER_ID', ...at }), NOW), rule('subject', 'u'))
  t.same(readMessage(entity({ entityId: 'c', entityType: 'CLIENT_ID', ...at }), NOW), rule('client', 'c'))
  t.same(
    readMessage(entity({ entityId: ' u', entityType: 'USER_ID\n', ...at }), NOW),
    { kind: 'records', records: [...rule('subject', ' u').records, ...rule('subject', 'u').records] },
    'white space around a name may be its own',
  )
  for (const [content, reason] of [
    [{ entityId: ' ', entityType: 'USER_ID', ...at }, 'bad-subject'],
    [{ entityId: 'u', entityType: 'PLANET', ...at }, 'bad-subject'],
    [{ entityType: 'USER_ID', ...at }, 'bad-subject'],
    [{ entityId: 'u', entityType: 'USER_ID' }, 'bad-time'],
    [[1, 2], 'bad-event'],
  ] as const) {
    t.same(readMessage(entity(content), NOW), { kind: 'malformed', reason })
  }
  const notBase64 = map({ revokedToken: '{}', type: 'consumer_app_revocation_event' })
  t.same(readMessage(notBase64, NOW), { kind: 'malformed', reason: 'bad-event' })
})

t.test('a batch event asks for a resync, with or without a token', async (t) => {
  t.same(readMessage(json({ event: { payloadData: { type: 'token_revocation_batch' } } }), NOW), { kind: 'resync' })
  t.same(readMessage(map({ type: 'token_revocation_batch', revokedToken: '' }), NOW), { kind: 'resync' })
})

t.test('a message that names no revocation is malformed, with a stable reason', async (t) => {
  const cases: [TopicMessage, string][] = [
    [{}, 'no-token'],
    [{ text: '' }, 'no-token'],
    [{ text: 'hello' }, 'not-json'],
    [{ text: 'type=Default&token=a' }, 'not-json'],
    [{ text: 'revokedToken=&type=Default' }, 'bad-token'],
    [{ text: '[1]' }, 'not-an-object'],
    [{ text: 'null' }, 'not-an-object'],
    [{ bytes: Buffer.from([0xff, 0xfe, 0x00]) }, 'not-json'],
    [{ text: `{"revokedToken":"${'a'.repeat(MAX_BODY_LENGTH)}"}` }, 'too-long'],
    [{ bytes: Buffer.alloc(MAX_BODY_LENGTH + 1, 0x20) }, 'too-long'],
    [map({ revokedToken: 'a'.repeat(MAX_ID_LENGTH + 1) }), 'too-long'],
    [map({ ttl: 1 }), 'no-token'],
    [map({ type: 'Default' }), 'no-token'],
    [map({ revokedToken: '  ' }), 'bad-token'],
    [map({ revokedToken: null }), 'bad-token'],
    [map({ revokedToken: true }), 'bad-token'],
    [map({ revokedToken: ['a'] }), 'bad-token'],
    [map({ revokedToken: new Map() }), 'bad-token'],
    [{ text: '{"__proto__":{"revokedToken":"a"}}' }, 'no-token'],
    [{ text: '{"event":{"__proto__":{"payloadData":{"revokedToken":"a"}}}}' }, 'no-token'],
    [{ text: '{"event":{"payloadData":[]}}' }, 'no-token'],
  ]
  for (const [message, reason] of cases) {
    t.same(readMessage(message, NOW), { kind: 'malformed', reason }, reason)
  }
})

t.test('readMessage never throws, whatever the message', async () => {
  const value = fc.oneof(
    fc.anything({ withBigInt: true, withDate: true }),
    fc.uint8Array().map((b) => Buffer.from(b)),
  )
  const name = fc.oneof(
    fc.constantFrom('revokedToken', 'type', 'iss', 'expiryTime', 'event', '__proto__', 'toString'),
    fc.string(),
  )
  const type = fc.constantFrom(
    'token_revocation_batch',
    'consumer_app_revocation_event',
    'subject_entity_revocation_event',
  )
  const fields = fc.array(fc.tuple(name, fc.oneof(value, type))).map((entries) => new Map<string, unknown>(entries))
  const text = fc.oneof(
    fc.string(),
    fc.json(),
    fc.json().map((j) => `{"event":{"payloadData":${j}}}`),
    fc.json().map((j) => `{"revokedToken":${j}}`),
  )
  const message = fc.record(
    { map: fields, text, bytes: fc.uint8Array().map((b) => Buffer.from(b)), properties: fields },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(message, fc.nat(), (message, now) => {
      const reading = readMessage(message as TopicMessage, now)
      if (reading.kind === 'malformed') return MALFORMED_REASONS.includes(reading.reason)
      return (
        reading.kind === 'resync' ||
        reading.records.every((r) => (r.id ?? '') !== '' && (r.id ?? '').length <= MAX_ID_LENGTH)
      )
    }),
    { numRuns: 1000 },
  )
})

t.test('a token is found by what an event of ours says of its jti, whatever that is', async () => {
  const fingerprints = Fingerprinter.random()
  const jti = fc.oneof(
    fc.constantFrom(' 4711', '4711\n', '\u00a0x', 'x\ufeff'),
    fc.string({ unit: 'binary', minLength: 1 }),
  )
  fc.assert(
    fc.property(
      jti.filter((id) => id.trim() !== ''),
      (jti) => {
        const list = new RevocationList({ fingerprints, retention: 1e9 })
        const reading = readMessage({ text: revocationEvent({ kind: 'token', id: jti, expiresAt: undefined }) }, NOW)
        if (reading.kind === 'records') for (const record of reading.records) list.add(record, 'topic', NOW)
        const jwt = { kind: 'jwt', token: 'a.b.c', header: { alg: 'ES256' }, claims: { jti }, signature: 'c' } as const
        return list.find(identify(jwt, jwt.claims, fingerprints)) !== undefined
      },
    ),
    { numRuns: 300 },
  )
})

t.test('an event of ours is read as what was revoked, also where the topic speaks for an issuer', async (t) => {
  const A = 'https://a.example'
  for (const iss of [undefined, null, A, 'https://b.example']) {
    for (const topics of [undefined, A]) {
      const record = { kind: 'token' as const, id: 'j', ...(iss === undefined ? {} : { iss }), expiresAt: undefined }
      const reading = readMessage({ text: revocationEvent(record, topics) }, NOW)
      const read = reading.kind === 'records' ? (reading.records[0]?.iss ?? undefined) : 'nothing'
      const own = reading.kind === 'records' && reading.records[0] !== undefined && 'iss' in reading.records[0]
      t.equal(own ? read : topics, iss ?? undefined, `${iss} on the topic of ${topics}`)
    }
  }
})
