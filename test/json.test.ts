import fc from 'fast-check'
import t from 'tap'
import { parseJson } from '../src/json.js'

t.test('an integer that a double cannot hold exactly is the string of its digits, wherever it stands', async (t) => {
  const cases: [string, unknown][] = [
    ['1382971839182739456', '1382971839182739456'],
    ['-1382971839182739457', '-1382971839182739457'],
    ['9007199254740991', Number.MAX_SAFE_INTEGER],
    ['9007199254740993', '9007199254740993'],
    [
      '{"a":[1,12345678901234567890 ,{"b":12345678901234567890}],"c":2}',
      {
        a: [1, '12345678901234567890', { b: '12345678901234567890' }],
        c: 2,
      },
    ],
    ['"12345678901234567890"', '12345678901234567890'],
    ['["\\"12345678901234567890\\\\", 5]', ['"12345678901234567890\\', 5]],
    ['{"12345678901234567890":1}', { '12345678901234567890': 1 }],
    [
      '[1234567890123456.5, 1e400, 1e30, 0.5234567890123456]',
      [1234567890123456.5, Number.POSITIVE_INFINITY, 1e30, 0.5234567890123456],
    ],
  ]
  for (const [text, value] of cases) t.strictSame(parseJson(text), value, text)
})

t.test('anything else is what JSON.parse makes of it', async () => {
  fc.assert(
    fc.property(
      fc.json(),
      (text) => /\d{16}/.test(text) || JSON.stringify(parseJson(text)) === JSON.stringify(JSON.parse(text)),
    ),
  )
  const digits = fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }).map(String)
  const key = fc.string({ unit: 'grapheme' })
  fc.assert(
    fc.property(key, digits, (name, number) => {
      const [[found, value] = []] = Object.entries(parseJson(`{${JSON.stringify(name)}: ${number}}`) as object)
      return found === name && String(value) === number
    }),
  )
})

t.test('invalid JSON is an error as ever', async (t) => {
  for (const text of ['', '{', '[12345678901234567890', '{"a":012345678901234567890}', '12345678901234567890 1'])
    t.throws(() => parseJson(text), SyntaxError)
})
