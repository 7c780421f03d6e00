import fc from 'fast-check'
import { test } from 'tap'
import { decodeModifiedUtf8, encodeModifiedUtf8 } from '../../../../src/sources/realtime/openwire/modified-utf8.js'

const hex = (text: string) => Buffer.from(text, 'hex')

test("Java's spellings are written and read", async (t) => {
  const cases: [text: string, bytes: string][] = [
    ['', ''],
    ['abc', '616263'],
    ['\0', 'c080'],
    ['ä€', 'c3a4e282ac'],
    ['𝄞', 'eda0b4edb49e'],
  ]
  for (const [text, bytes] of cases) {
    t.equal(encodeModifiedUtf8(text).toString('hex'), bytes)
    t.equal(decodeModifiedUtf8(hex(bytes)), text)
  }
})

test('plain UTF-8 beyond the basic plane is read too', async (t) => {
  t.equal(decodeModifiedUtf8(Buffer.from('a𝄞b')), 'a𝄞b')
})

test('what is no UTF-8 is refused', async (t) => {
  for (const bytes of ['80', 'c3', 'c341', 'e282', 'e28241', 'f0909f', 'f7bfbfbf', 'ff', 'f8']) {
    t.throws(() => decodeModifiedUtf8(hex(bytes)), { code: 'ERR_OPENWIRE_MALFORMED' }, bytes)
  }
})

test('any string of any length comes back, lone surrogates included', async (t) => {
  const unit = fc.integer({ min: 0, max: 0xffff })
  fc.assert(
    fc.property(fc.array(unit, { maxLength: 200 }), fc.constantFrom(1, 60), (units, times) => {
      const text = String.fromCharCode(...units).repeat(times)
      return decodeModifiedUtf8(encodeModifiedUtf8(text)) === text
    }),
  )
  t.pass('held')
})
