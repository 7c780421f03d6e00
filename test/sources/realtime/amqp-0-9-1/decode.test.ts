import fc from 'fast-check'
import t from 'tap'
import { WireFormatError } from '../../../../src/sources/realtime/amqp/byte-reader.js'
import { decodeAmqpMap, decodeJmsMap, decodeMessage } from '../../../../src/sources/realtime/amqp-0-9-1/decode.js'

const LEGACY = '000000027265766f6b6564546f6b656e000a6162630074746c000a3336303000'
const QPID = '00000022000000020c7265766f6b6564546f6b656e9500036162630374746c95000433363030'
const ANDES = '00000026000000020c7265766f6b6564546f6b656e98000000036162630374746c980000000433363030'
const EVENT = { revokedToken: 'abc', ttl: '3600' }

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')

/** A map of one entry, named x. */
const amqp = (value: string) => {
  const body = hex(`00000001 01 78 ${value}`)
  return Buffer.concat([hex(body.length.toString(16).padStart(8, '0')), body])
}
const jms = (value: string) => hex(`00000001 7800 ${value}`)

t.test("the publishers' own bytes are read", async (t) => {
  t.same(Object.fromEntries(decodeJmsMap(hex(LEGACY))), EVENT, 'Qpid JMS, legacy')
  t.same(Object.fromEntries(decodeAmqpMap(hex(QPID))), EVENT, 'Qpid')
  t.same(Object.fromEntries(decodeAmqpMap(hex(ANDES))), EVENT, 'Andes')
})

t.test('when a message was published is read, in seconds or milliseconds', async (t) => {
  const publishedAt = (timestamp: unknown) =>
    decodeMessage({ content: Buffer.from('a'), properties: { timestamp } }).publishedAt
  t.equal(publishedAt(1_800_000_000), 1_800_000_000_000)
  t.equal(publishedAt(1_800_000_000_123), 1_800_000_000_123)
  for (const none of [undefined, 0, -1, '1800000000', Number.NaN, {}]) t.equal(publishedAt(none), undefined)
})

t.test('every type of amqp/map is read, or passed over by its width', async (t) => {
  const values: [string, unknown][] = [
    ['00 ff', Buffer.from([0xff])],
    ['01 ff', -1],
    ['02 ff', 255],
    ['04 e9', 'é'],
    ['08 01', true],
    ['08 00', false],
    ['10 0102', Buffer.from([1, 2])],
    ['11 fffe', -2],
    ['12 fffe', 65534],
    ['20 01020304', Buffer.from([1, 2, 3, 4])],
    ['21 fffffffe', -2],
    ['22 fffffffe', 4294967294],
    ['23 3f000000', 0.5],
    ['27 0001f600', '😀'],
    ['27 ffffffff', undefined],
    ['31 00000179f9d3b8e9', 1623394072809],
    ['31 7fffffffffffffff', 9223372036854775807n],
    ['32 ffffffffffffffff', 18446744073709551615n],
    ['33 3fe0000000000000', 0.5],
    ['38 00000179f9d3b8e9', 1623394072809],
    ['80 02 0102', Buffer.from([1, 2])],
    ['84 01 e9', 'é'],
    ['85 02 c3a9', 'é'],
    ['86 02 00e9', 'é'],
    ['90 0002 0102', Buffer.from([1, 2])],
    ['94 0001 e9', 'é'],
    ['95 0002 c3a9', 'é'],
    ['96 0002 00e9', 'é'],
    ['98 00000002 c3a9', 'é'],
    ['a0 00000002 0102', Buffer.from([1, 2])],
    ['a8 00000004 00000000', undefined],
    ['a9 00000004 00000000', undefined],
    ['aa 00000005 0100000000', undefined],
    ['af 00000002 0102', undefined],
    ['f0', null],
    ['c8 0102030405', Buffer.from([1, 2, 3, 4, 5])],
    [`48 ${'00'.repeat(16)}`, Buffer.alloc(16)],
    [`5f ${'00'.repeat(32)}`, Buffer.alloc(32)],
    [`7f ${'00'.repeat(128)}`, Buffer.alloc(128)],
  ]
  for (const [bytes, value] of values) t.same(decodeAmqpMap(amqp(bytes)).get('x'), value, bytes)
})

t.test('every type of jms/map-message is read', async (t) => {
  const values: [string, unknown][] = [
    ['01 01', true],
    ['02 ff', -1],
    ['03 00000002 0102', Buffer.from([1, 2])],
    ['03 ffffffff', null],
    ['04 fffe', -2],
    ['05 00e9', 'é'],
    ['06 fffffffe', -2],
    ['07 00000179f9d3b8e9', 1623394072809],
    ['08 3f000000', 0.5],
    ['09 3fe0000000000000', 0.5],
    ['0a c3a9 00', 'é'],
    ['0b', null],
  ]
  for (const [bytes, value] of values) t.same(decodeJmsMap(jms(bytes)).get('x'), value, bytes)
})

t.test('truncated bytes and impossible lengths are a WireFormatError', async (t) => {
  for (const bytes of [
    '',
    '00000002',
    '7fffffff00',
    'ffffffff',
    '00000001 78',
    '00000001 7800 0a 61',
    '00000001 7800 0c',
  ]) {
    t.throws(() => decodeJmsMap(hex(bytes)), { code: 'ERR_WIRE_FORMAT' }, bytes)
  }
  for (const bytes of ['', '00000004', 'ffffffff 00000001', '00000004 00000001', '00000004 ffffffff']) {
    t.throws(() => decodeAmqpMap(hex(bytes)), { code: 'ERR_WIRE_FORMAT' }, bytes)
  }
  for (const value of ['b0', 'e0', '98 ffffffff', 'a8 000000ff 00', '85 05 61']) {
    t.throws(() => decodeAmqpMap(amqp(value)), { code: 'ERR_WIRE_FORMAT' }, value)
  }
})

t.test('any bytes are a map or a WireFormatError', async () => {
  const mutated = fc
    .tuple(fc.constantFrom(LEGACY, QPID, ANDES), fc.nat(), fc.nat(255), fc.nat())
    .map(([vector, at, byte, end]) => {
      const bytes = hex(vector)
      bytes[at % bytes.length] = byte
      return bytes.subarray(0, end % (bytes.length + 1) || bytes.length)
    })
  const bytes = fc.oneof(
    mutated,
    fc.uint8Array({ maxLength: 64 }).map((array) => Buffer.from(array)),
  )
  fc.assert(
    fc.property(bytes, (bytes) => {
      for (const decode of [decodeJmsMap, decodeAmqpMap]) {
        try {
          decode(bytes)
        } catch (error) {
          if (!(error instanceof WireFormatError)) throw error
        }
      }
    }),
    { numRuns: 3000 },
  )
})
