import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'

const page = readFileSync('docs/what-is-promised.md', 'utf8')
/** Behind the summary and what is not promised each row of a table is a promise. */
const promises = page.slice(page.indexOf('\n## How long each fault takes'))
/** `| number | file: "beginning of a title" |` */
const TEST = /^\| (\d+) +\| ([\w./-]+): "([^"]*)" *\|$/gm
const tests = [...readFileSync('docs/promises-and-tests.md', 'utf8').matchAll(TEST)]

t.test(
  'each promise of docs/what-is-promised.md has its own number, by which docs/promises-and-tests.md names its test',
  async (t) => {
    const lines = promises.split('\n')
    const rows = lines.filter((line, at) => line.startsWith('| ') && !lines[at + 1]?.startsWith('| ---'))
    const numbers = rows.filter((line) => !line.startsWith('| ---')).map((row) => / (\d+) +\|$/.exec(row)?.[1] ?? row)
    t.ok(numbers.length > 90, 'the tables are found')
    t.strictSame(
      numbers,
      tests.map(([, number]) => number),
    )
    t.equal(new Set(numbers).size, numbers.length)
  },
)

t.test('each test that docs/promises-and-tests.md names exists', async (t) => {
  for (const [row, , file = '', title = ''] of tests) {
    const path = `test/${file}.test.ts`
    t.ok(existsSync(path) && readFileSync(path, 'utf8').includes(title), row)
  }
})

t.test('each command of docs/what-is-promised.md exists', async (t) => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> }
  const commands = [...page.matchAll(/`npm run ([\w:]+)/g)].map(([, name = '']) => name)
  t.ok(commands.includes('bench:promises'))
  for (const name of commands) t.ok(name in scripts, name)
})
