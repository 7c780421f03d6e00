import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import toml from '@iarna/toml'
import t from 'tap'
import { jsonSchema, loadConfig, parseConfig } from '../../src/config/index.js'
import { valueAt } from '../../src/config/reading/tree.js'
import { knownKeys } from '../../src/config/schema/keys.js'

const file = fileURLToPath(new URL('../../../conf/micro-gw.conf', import.meta.url))
const text = readFileSync(file, 'utf8')
/** The file with everything in it that is commented out. */
const whole = text.replace(/^( *)#(\[|[A-Za-z0-9]+ = )/gm, '$1$2')

interface Written {
  readonly table: string
  readonly name: string
  readonly value: unknown
  readonly commented: boolean
}

/** Each key of the file, commented out or not, with the table that it stands in. */
function* written(): Generator<Written> {
  let table = ''
  for (const line of text.split('\n')) {
    const header = /^ *#?\[+([\w.]+)\]+$/.exec(line)?.[1]
    if (header !== undefined) table = header
    const [, hash, name, value] = /^ *(#?)(\w+) = (.+)$/.exec(line) ?? []
    if (name === undefined) continue
    yield { table, name, value: toml.parse(`value = ${value}`).value, commented: hash === '#' }
  }
}

const names = (keys: Iterable<{ table: string; name: string }>) =>
  [...keys].map(({ table, name }) => `${table}.${name}`).sort()

t.test('the shipped file is read with no warning', async (t) => {
  const { config, warnings } = await loadConfig(file, {})
  t.same(warnings, [])
  t.equal(config.jwtTokenConfig[0]?.jwksURL, 'https://localhost:9443/oauth2/jwks')
  t.equal(config.keyManager, undefined)
})

t.test('the shipped file and the schema have the same keys', async (t) => {
  t.same(names(written()), names(knownKeys))
})

t.test('the shipped file shows the schema’s defaults', async (t) => {
  const schema = jsonSchema()
  const node = (value: unknown): unknown => (memberOf(value, 'items') as object | undefined) ?? value
  for (const { table, name, value, commented } of written()) {
    if (!commented) continue
    let at: unknown = schema
    for (const part of [...table.split('.'), name])
      if (part !== '') at = memberOf(memberOf(node(at), 'properties'), part)
    const expected = memberOf(at, 'default')
    if (expected !== undefined) t.same(value, expected, `${table}.${name}`)
  }
})

t.test('the whole shipped file, with nothing commented out, is valid', async (t) => {
  const parsed = toml.parse(whole)
  t.ok(memberOf(parsed, 'keyManager'))
  // What is not supported yet has its own error; nothing else may be wrong.
  try {
    parseConfig(whole, file, {})
  } catch (error) {
    for (const { message } of (error as { problems: { message: string }[] }).problems) t.match(message, /not supported/)
  }
})

function memberOf(holder: unknown, name: string): unknown {
  return typeof holder === 'object' && holder !== null
    ? (holder as Record<string, unknown>)[name]
    : valueAt(holder, [name])
}
