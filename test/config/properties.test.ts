import toml from '@iarna/toml'
import fc from 'fast-check'
import t from 'tap'
import { ConfigError, parseConfig } from '../../src/config/index.js'
import { knownKeys } from '../../src/config/schema/keys.js'

const SECRET = 'hunter2hunter2'

/** Anything that TOML can hold. */
const value: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: 'small' },
    fc.boolean(),
    fc.integer(),
    fc.double({ noNaN: true }),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.date({ min: new Date(0), max: new Date(4e12), noInvalidDate: true }),
    fc.string(),
    fc.constantFrom(
      '',
      'auto',
      'true',
      '9090',
      '30s',
      'etcd',
      '$env{HOME}',
      '$env{',
      '$\u007bx}',
      '\0',
      'https://h',
      'x'.repeat(9_000),
    ),
    fc.array(tie('any'), { maxLength: 4 }),
    fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', 'issuer', 'enabled')), tie('any'), {
      maxKeys: 4,
    }),
  ),
})).any

/** Where a value may stand: at a key, or in place of a table on the way to it. */
const place = fc.constantFrom(...knownKeys).chain(({ table, name }) => {
  const path = [...table.split('.').filter((part) => part !== ''), name]
  return fc.integer({ min: 1, max: path.length }).map((length) => path.slice(0, length))
})

function toToml(entries: readonly (readonly [readonly string[], unknown])[]): string {
  return entries.map(([path, each]) => `${path.join('.')} = ${inline(each)}`).join('\n')
}

function inline(each: unknown): string {
  if (Array.isArray(each)) return `[${each.map(inline).join(', ')}]`
  if (each instanceof Date || typeof each !== 'object' || each === null) return toml.stringify.value(each as string)
  const pairs = Object.entries(each).map(([name, child]) => `${JSON.stringify(name)} = ${inline(child)}`)
  return `{ ${pairs.join(', ')} }`
}

/** Reads a file, and gives the error's text if there is one; anything but a ConfigError is thrown on. */
function complaint(text: string, env: Record<string, string> = {}): string {
  try {
    const { config, warnings } = parseConfig(text, '/c/conf/a.conf', env)
    return JSON.stringify([config, warnings])
  } catch (error) {
    if (error instanceof ConfigError) return error.message + JSON.stringify(error.problems)
    throw error
  }
}

t.test('any value at any key gives a configuration or a ConfigError', async () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.tuple(place, value), { maxLength: 4, selector: ([path]) => path.join('.') }),
      (entries) => {
        return !/Invalid input|Too (big|small)|expected one of/.test(complaint(toToml(entries)))
      },
    ),
    { numRuns: 3_000 },
  )
})

t.test('any text gives a configuration or a ConfigError', async () => {
  const soup = fc.string({ unit: fc.constantFrom(...'[]{}="\'\\#.,\n\r\t a1-é'), maxLength: 60 })
  fc.assert(
    fc.property(fc.oneof(fc.string({ maxLength: 200 }), soup), (text) => {
      complaint(text)
    }),
    { numRuns: 3_000 },
  )
})

t.test('a secret is in no message, wherever and however wrongly it is written', async () => {
  const secrets = knownKeys.filter((each) => each.note.kind === 'secret')
  const shapes = fc.constantFrom(
    (key: string) => `${key} = "${SECRET}"`,
    (key: string) => `${key} = "${SECRET}""`,
    (key: string) => `${key} = ${SECRET}`,
    (key: string) => `${key}: ${SECRET}`,
    (key: string) => `${key} = ["${SECRET}"]`,
    (key: string) => `${key} = { a = "${SECRET}" }`,
    (key: string) => `${key} = """\n${SECRET}`,
    (key: string) => `${key} = "$env{SECRET}"`,
    (key: string) => `${key} = "$env{${SECRET}"`,
    (key: string) => `${key} = "$env{${SECRET} }"`,
    (key: string) => `${key} = "${SECRET}"\n${key} = "${SECRET}"`,
    (key: string) => `x${key} = "${SECRET}"`,
    (key: string) => `${key}x = "${SECRET}"\n[server]\nworkers = -1`,
  )
  fc.assert(
    fc.property(fc.constantFrom(...secrets), shapes, fc.boolean(), ({ table, name, repeatable }, shape, headed) => {
      const header = repeatable ? `[[${table}]]` : `[${table}]`
      const text = headed ? `${header}\n${shape(name)}\n` : shape(name)
      return !complaint(`${text}\n[nonsense]\n`, { SECRET }).includes(SECRET.slice(0, 6))
    }),
    { numRuns: 1_500 },
  )
})
