import fc from 'fast-check'
import rhea from 'rhea'
import t from 'tap'
import { WireFormatError } from '../../../../src/sources/realtime/amqp/byte-reader.js'
import { decodeMessage } from '../../../../src/sources/realtime/amqp-1-0/decode.js'

const { message: codec, types } = rhea
const encode = (message: object): Buffer => codec.encode(message as never) as unknown as Buffer

t.test('every body that a publisher sends is read', async (t) => {
  const map = decodeMessage(
    encode({
      body: {
        revokedToken: 'a.b.c',
        ttl: '3600',
        expiryTime: types.wrap_long(1628175421481),
        never: types.wrap_long(Buffer.from('7fffffffffffffff', 'hex')),
        tenantId: types.wrap_int(-1234),
        flag: true,
        none: null,
        small: types.wrap_short(-2),
        real: types.wrap_double(0.5),
        bytes: types.wrap_binary(Buffer.from('xyz')),
        inner: { a: 1 },
        list: types.wrap_list([1, 2]),
      },
    }),
  ).map
  t.same(Object.fromEntries(map ?? []), {
    revokedToken: 'a.b.c',
    ttl: '3600',
    expiryTime: 1628175421481,
    never: 9223372036854775807n,
    tenantId: -1234,
    flag: true,
    none: null,
    small: -2,
    real: 0.5,
    bytes: Buffer.from('xyz'),
    inner: undefined,
    list: undefined,
  })
  t.same(decodeMessage(encode({ body: 'text' })), { text: 'text' })
  t.same(decodeMessage(encode({ body: codec.data_section(Buffer.from('raw')) })), { bytes: Buffer.from('raw') })
  t.same(decodeMessage(encode({ body: codec.data_sections([Buffer.from('r'), Buffer.from('aw')]) })), {
    bytes: Buffer.from('raw'),
  })
  const plain = decodeMessage(
    encode({ subject: 's', header: { durable: true }, application_properties: { revokedToken: 'a' } }),
  )
  t.same(plain.properties, new Map([['revokedToken', 'a']]))
  t.same(plain.text, undefined)
})

t.test('when a message was published is read; what is not a time is left out, and nothing else with it', async (t) => {
  const sent = new Date(1_800_000_000_000)
  const read = decodeMessage(encode({ body: 'a', creation_time: sent, subject: 's' }))
  t.same(read, { text: 'a', publishedAt: sent.getTime() })
  const list = (hex: string) => decodeMessage(Buffer.from(`005373${hex}005377a10161`, 'hex'))
  for (const hex of ['45', 'c00101', 'c00100', 'd0000000040000ffff', `c00b0a${'40'.repeat(10)}`, 'c10100', '40']) {
    t.same(list(hex), { text: 'a' }, hex)
  }
  t.same(list('c00c0a40404040404040404054ff'), { text: 'a' }, 'a negative time')
})

t.test('a name such as __proto__ is a name like any other', async (t) => {
  const bytes = encode({ body: JSON.parse('{"__proto__":{"revokedToken":"x"},"revokedToken":"a"}') })
  t.equal(decodeMessage(bytes).map?.get('revokedToken'), 'a')
})

t.test('an array that announces four thousand million elements costs nothing', async (t) => {
  // amqp-value, array32 of 5 bytes: count 0xffffffff, of null
  t.same(decodeMessage(Buffer.from('005377f000000005ffffffff40', 'hex')), {})
})

t.test('what is not whole or not AMQP is a WireFormatError', async (t) => {
  for (const hex of [
    '00',
    '0053',
    '0053770000',
    '005377b1000000ff61',
    '005377d1ffffffff00000002a10161a10161',
    '005377d1000000050000000140',
    '0053770101',
    'a10161',
    '005377c10302a10161',
  ]) {
    t.throws(() => decodeMessage(Buffer.from(hex, 'hex')), { code: 'ERR_WIRE_FORMAT' }, hex)
  }
})

t.test('any bytes are a message or a WireFormatError, and quickly', async () => {
  const whole = encode({
    body: { revokedToken: 'a', n: 1, l: types.wrap_list(['x']) },
    application_properties: { p: 'q' },
  })
  const mutated = fc.tuple(fc.nat(whole.length - 1), fc.nat(255), fc.nat(whole.length)).map(([at, byte, end]) => {
    const copy = Buffer.from(whole)
    copy[at] = byte
    return copy.subarray(0, end)
  })
  const bytes = fc.oneof(
    mutated,
    fc.uint8Array({ maxLength: 64 }).map((array) => Buffer.from(array)),
  )
  fc.assert(
    fc.property(bytes, (bytes) => {
      try {
        decodeMessage(bytes)
      } catch (error) {
        if (!(error instanceof WireFormatError)) throw error
      }
    }),
    { numRuns: 3000 },
  )
})
