import { test } from 'tap'
import { MAX_DEPTH, MAX_VALUES, readPrimitiveMap } from '../../../../src/sources/realtime/openwire/decode.js'
import { ByteReader } from '../../../../src/sources/realtime/openwire/reader.js'
import { ByteWriter } from '../../../../src/sources/realtime/openwire/writer.js'

const read = (bytes: Buffer) => readPrimitiveMap(new ByteReader(bytes))
const one = (hex: string) => {
  const map = read(Buffer.concat([new ByteWriter().int32(1).utf('k').finish(), Buffer.from(hex, 'hex')]))
  return map.get('k')
}

test('each type of a primitive map is read', async (t) => {
  const cases: [hex: string, value: unknown][] = [
    ['00', null],
    ['0100', false],
    ['01ff', true],
    ['02ff', -1],
    ['0320ac', '€'],
    ['04ff00', -256],
    ['05ffffffff', -1],
    ['060000017b16d15029', 1628175421481],
    ['06001fffffffffffff', Number.MAX_SAFE_INTEGER],
    ['060020000000000000', 9007199254740992n],
    ['067fffffffffffffff', 9223372036854775807n],
    ['068000000000000000', -9223372036854775808n],
    ['073fe0000000000000', 0.5],
    ['083e800000', 0.25],
    ['09000361c080', 'a\0'],
    ['0a0000000200ff', Buffer.from('00ff', 'hex')],
    ['0b0000000100016109000162', new Map([['a', 'b']])],
    ['0bffffffff', new Map()],
    ['0c0000000200020105', [null, 5 - 4]],
    ['0d00000003616263', 'abc'],
    ['0dffffffff', null],
  ]
  for (const [hex, value] of cases) t.strictSame(one(hex), value, hex)
})

test('keys that mean something to JavaScript are ordinary keys', async (t) => {
  const map = read(new ByteWriter().int32(1).utf('__proto__').uint8(9).utf('x').finish())
  t.same([...map], [['__proto__', 'x']])
})

test('truncated bytes, impossible lengths and unknown types are refused', async (t) => {
  const cases: [hex: string, code: string][] = [
    ['0a7fffffff', 'ERR_OPENWIRE_TRUNCATED'],
    ['0a80000000', 'ERR_OPENWIRE_MALFORMED'],
    ['0dfffffffe', 'ERR_OPENWIRE_MALFORMED'],
    ['09ffff', 'ERR_OPENWIRE_TRUNCATED'],
    ['0bfffffffe', 'ERR_OPENWIRE_MALFORMED'],
    ['0c7fffffff', 'ERR_OPENWIRE_BODY_TOO_LONG'],
    ['0c000000ff', 'ERR_OPENWIRE_TRUNCATED'],
    ['0e', 'ERR_OPENWIRE_MALFORMED'],
    ['ff', 'ERR_OPENWIRE_MALFORMED'],
    ['', 'ERR_OPENWIRE_TRUNCATED'],
  ]
  for (const [hex, code] of cases) t.throws(() => one(hex), { code }, hex)
})

test('depth and number of values are bounded', async (t) => {
  const nested = (depth: number) => `${'0c00000001'.repeat(depth)}00`
  t.ok(one(nested(MAX_DEPTH)))
  t.throws(() => one(nested(MAX_DEPTH + 1)), { code: 'ERR_OPENWIRE_MALFORMED' })
  const wide = (count: number) => `0c${count.toString(16).padStart(8, '0')}${'00'.repeat(count)}`
  t.same((one(wide(MAX_VALUES - 1)) as unknown[]).length, MAX_VALUES - 1)
  t.throws(() => one(wide(MAX_VALUES)), { code: 'ERR_OPENWIRE_BODY_TOO_LONG' })
})
