// Writes docs/configuration.md and conf/micro-gw.schema.json from the schema that the gateway reads its file by.
// With --check it writes nothing, and fails if either differs. Needs a build.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { jsonSchema } from '../dist/src/config/index.js'
import { takesEffectBy } from '../dist/src/gateway/reload.js'

const HEAD = `# Configuration reference

Every key of \`micro-gw.conf\`, written by \`npm run docs\` from the schema that the gateway reads the file by.
[conf/micro-gw.conf](../conf/micro-gw.conf) has the same keys with their defaults, to start from.

\`\`\`toml
[listenerConfig]
  httpsPort = 9095
  keyStorePassword = "$env{KEY_STORE_PASSWORD}"   # an environment variable
  requestTimeout = "30s"
\`\`\`

\`\`\`sh
mgw check -c micro-gw.conf     # lists every problem of a file, with its remedy
\`\`\`

- The file is TOML. An unknown key is refused, unless WSO2's gateway has it: then \`mgw check\` says why it has no effect.
- A duration is a number of milliseconds, or a string with a unit: \`"500ms"\`, \`"30s"\`, \`"5m"\`, \`"12h"\`, \`"30d"\`.
- \`$env{NAME}\` in a string stands for the environment variable \`NAME\`. So numbers and booleans may be strings, too.
- A path is relative to the file's directory.
- A value that is marked _refused_ is an error at start: mgw does not have what it would protect.

Each section says how a change takes effect: by \`mgw reload\`, by \`mgw reload --workers\`, or by a restart
([reloading](reloading.md)).

## Completion in an editor

[conf/micro-gw.schema.json](../conf/micro-gw.schema.json) is the file's JSON Schema. Editors with a TOML language server
complete and check the file by it, if its first line names the schema: \`#:schema ./micro-gw.schema.json\`
`

const pages = [
  { path: '../docs/configuration.md', text: reference(jsonSchema()) },
  { path: '../conf/micro-gw.schema.json', text: `${JSON.stringify(jsonSchema(), null, 2)}\n` },
]
for (const { path, text } of pages) {
  const file = fileURLToPath(new URL(path, import.meta.url))
  if (!process.argv.includes('--check')) writeFileSync(file, text)
  else if (readIfThere(file) !== text) {
    console.error(`${path.slice(3)} is not what the schema says: run "npm run docs"`)
    process.exitCode = 1
  }
}

function readIfThere(file) {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}

function reference(schema) {
  const sections = Object.entries(schema.properties)
  const top = sections.filter(([, node]) => !isTable(node) && !isNotUsed(node))
  const tables = sections.filter(([, node]) => isTable(node))
  const unused = sections.filter(([, node]) => isNotUsed(node))
  return [
    HEAD,
    '## At the top of the file\n',
    ...effect(top.map(([name]) => name)),
    ...rows(top),
    ...tables.flatMap(([name, node]) => section(name, node)),
    "## Sections of WSO2's file without effect\n",
    ...unused.map(([name, { description }]) => `- \`[${name}]\`: ${description.replace(/^Not used: /, '')}`),
    '',
  ].join('\n')
}

/** A table of the file, and below it the tables in it. */
function section(path, node) {
  const isList = node.items !== undefined
  const properties = Object.entries((node.items ?? node).properties)
  const keys = properties.filter(([, child]) => !isTable(child))
  const tables = properties.filter(([, child]) => isTable(child))
  const header = isList ? `[[${path}]]` : `[${path}]`
  const own = keys.length === 0 ? [] : [`## ${header}\n`, ...description(node), ...effect([path], keys), ...rows(keys)]
  return [...own, ...tables.flatMap(([name, child]) => section(`${path}.${name}`, child))]
}

/** How changed keys take effect: in one sentence, and those that differ from the others in another. */
function effect([path, ...others], keys = []) {
  const [section] = path.split('.')
  if (section === 'apim') return []
  const ways = others.length === 0 ? keys.map(([name]) => [name, takesEffectBy(section, name)]) : []
  const easier = ways.filter(([, way]) => way === 'reload').map(([name]) => `\`${name}\``)
  const way = ways.find(([, each]) => each !== 'reload')?.[1] ?? takesEffectBy(section, '')
  const all = `Takes effect by ${way === 'restart' ? 'a restart' : `\`mgw ${way}\``}.\n`
  return way === 'reload' || easier.length === 0 ? [all] : [all, `By \`mgw reload\`, too: ${easier.join(', ')}.\n`]
}

function description({ description }) {
  return description === undefined ? [] : [`${description}\n`]
}

function rows(keys) {
  const lines = keys.map(([name, node]) => [`\`${name}\``, typeOf(node), defaultOf(node), cell(node.description ?? '')])
  const table = [['key', 'type', 'default', 'what it is'], ...lines]
  const widths = [0, 1, 2, 3].map((at) => Math.max(3, ...table.map((line) => line[at].length)))
  const text = ([first, ...others]) =>
    `| ${[first, ...others].map((part, at) => part.padEnd(widths[at])).join(' | ')} |`
  const rule = widths.map((width) => '-'.repeat(width))
  return [text(table[0]), text(rule), ...lines.map(text), '']
}

function typeOf(node) {
  if (node.examples !== undefined) return node.examples.map((each) => `\`${each}\``).join(', ')
  if (node.unit === 'ms') return 'duration'
  const type = kindsOf(node).join(' or ')
  return node.unit === undefined ? type : `${type} (${node.unit})`
}

/** A number or boolean may be a string, for `$env{NAME}`: that is said once, at the top. */
function kindsOf(node) {
  const kinds = [...new Set(node.anyOf?.flatMap(kindsOf) ?? [kindOf(node)])]
  return kinds.includes('boolean') || kinds.includes('number') ? kinds.filter((each) => each !== 'string') : kinds
}

function kindOf({ type, items, const: only }) {
  if (only !== undefined) return `\`${JSON.stringify(only)}\``
  if (type === 'integer') return 'number'
  if (type === 'array') return `list of ${kindsOf(items ?? {}).join(' or ')}s`
  return type ?? 'any value'
}

function defaultOf({ default: value }) {
  return value === undefined || value === '' ? '' : `\`${JSON.stringify(value)}\``
}

function cell(text) {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}

function isTable({ properties, items }) {
  return properties !== undefined || items?.properties !== undefined
}

function isNotUsed({ description, type, anyOf }) {
  return type === undefined && anyOf === undefined && (description ?? '').startsWith('Not used')
}
