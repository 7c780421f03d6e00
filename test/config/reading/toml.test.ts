import t from 'tap'
import { parseToml } from '../../../src/config/reading/toml.js'

function syntaxError(text: string): string {
  const parsed = parseToml(text)
  return 'problem' in parsed ? parsed.problem.message : ''
}

t.test('a syntax error says line and column and shows the line', async (t) => {
  t.equal(
    syntaxError('[[jwtTokenConfig]]\n  issuer = "x"\n  URL of the JWKs endpoint\n'),
    ['line 3, column 7: expected = after a key; a comment begins with #', '  URL of the JWKs endpoint', '      ^'].join(
      '\n',
    ),
    'as in the file that WSO2 ships',
  )
  const cases: readonly [string, RegExp][] = [
    [
      'host = "a""',
      /^line 1, column 11: only a comment may follow here; look for an extra quote or semicolon\nhost = "a""\n {10}\^$/,
    ],
    ['[a]\nb = 1\n[a]\n', /^line 3, column 3: duplicate key or table; remove one of the two: the first is on line 1/],
    ['[ "a".b ]\n[c]\n[a.b]\n', /^line 3.* the first is on line 1/],
    ['a = 1\na = 2', /^line 2, column 6: duplicate key or table; remove one of the two: the first is on line 1/],
    ['[x]\na = 1\n[y]\n"a" = 1\nb = 1\na = 2', /^line 6.* the first is on line 4/],
    ['[a]\nb = {}\n[a.b]', /^line 3, column 5: duplicate key or table; remove one of the two\n/],
    ['host = 127.0.0.1', /^line 1, column 13: invalid value; strings must be quoted/],
    ['timeout = 30s', /^line 1, column 13: invalid value; strings must be quoted/],
    ['level = info', /^line 1, column 12: invalid value; strings must be quoted/],
    ['a.b = true1', /^line 1, column 11: invalid value; strings must be quoted/],
    ['port = 9090 9091', /only a comment may follow here/],
    ['list = ["a"];', /only a comment may follow here/],
    ['host = localhost', /^line 1, column 8: invalid value; strings must be quoted\nhost = localhost\n {7}\^$/],
    ['host = "a', /closing quote of a string is missing/],
    ['host =', /a value, or/],
    ['@host = 1', /neither a key nor a table can begin with this character/],
    ['host = [1, 2', /missing comma, or closing bracket/],
    ['host = { a = 1', /closing bracket of a list or an inline table/],
    ['[[a]', /closing bracket of a table’s name/],
    ['[]', /missing name/],
    ['enable = yes', /invalid value/],
    ['enable = tru', /invalid value/],
    ['timeout = 0x', /invalid number/],
    ['a = 2020-13-99', /^in the file: invalid date or time/],
    ['host = "\\x"', /escape/],
    ['\thost = "a""', /\n host = "a""\n/],
  ]
  for (const [text, message] of cases) t.match(syntaxError(text), message, text)
})

t.test('a long line does not delay the search for the first of two', async (t) => {
  const start = performance.now()
  for (const long of [`${'['.repeat(300_000)}\n`, `# ${'a.'.repeat(300_000)}\n`]) syntaxError(`${long}[a]\n[a]`)
  t.match(syntaxError(`a = 1\n${'b.'.repeat(100)}c = 1\na = 1`), /the first is on line 1/)
  t.ok(performance.now() - start < 5_000)
})

t.test('a long line is shown around the error', async (t) => {
  const shown = syntaxError(`host = "${'a'.repeat(5_000)}"x`).split('\n')
  t.ok((shown[1] ?? '').length <= 100)
  t.equal((shown[1] ?? '')[(shown[2] ?? '').length - 1], 'x', 'the caret points at it')
})

t.test('control characters of a file are not shown', async (t) => {
  t.equal(syntaxError('host = "\u001b[31m"').includes('\u001b'), false)
})

t.test('a syntax error never shows what may be a secret', async (t) => {
  const lines = [
    'password = "hunter2""',
    'password = hunter2',
    'password: hunter2',
    'password hunter2',
    'pasword = "hunter2""',
    'jmsConnectionProviderUrl = "amqp://admin:hunter2@h"x',
    'endpointURL = "https://admin:hunter2@h"x',
    'basic = { enabled = true, password = "hunter2"" }',
    'options = { password = "hunter2"" }',
    'a.password = "hunter2""',
    '"password" = "hunter2""',
    'hunter2',
    '"hunter2"',
    '["hunter2" "x"]',
    'a = """\nhost = "hunter2"',
    "a = '''\nhost = 'hunter2'",
    'token = ["a",\n"hunter2" "b"]',
    '# hunter2 \u0001',
    'clientSecret = "hunter2\\q"',
    'accessToken = "hunter2',
  ]
  for (const line of lines) {
    const message = syntaxError(line)
    t.match(message, /^line \d+, column \d+: /, line)
    t.notMatch(message, /hunter/, line)
  }
})
