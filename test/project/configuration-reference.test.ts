import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { unsupported } from '../../src/config/problems/unsupported.js'

const script = fileURLToPath(new URL('../../../scripts/configuration-reference.js', import.meta.url))

t.test('docs/configuration.md and conf/micro-gw.schema.json are what the schema says', async (t) => {
  const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' })
  t.equal(stderr, '')
  t.equal(status, 0)
})

t.test('docs/configuration.md marks each value that is refused because it is not supported', async (t) => {
  const sections = readFileSync('docs/configuration.md', 'utf8').split('\n## ')
  const refused = unsupported.filter(({ warning }) => warning === undefined).map(({ path }) => path.split('.'))
  t.ok(refused.length > 3)
  for (const path of refused) {
    const [key = '', ...table] = path.toReversed()
    const name = table.toReversed().join('.')
    const section = sections.find((text) => text.startsWith(`[${name}]`) || text.startsWith(`[[${name}]]`)) ?? ''
    const row = section.split('\n').find((line) => line.startsWith(`| \`${key}\``)) ?? ''
    t.match(row, / is refused: not supported/, path.join('.'))
  }
})
