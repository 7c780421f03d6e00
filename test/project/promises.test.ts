import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'

/** What a row ends with: `| file: "beginning of a title" |` */
const SHOWN_BY = /\| ([\w./-]+): "([^"]*)" *\|$/
const page = readFileSync('docs/what-is-promised.md', 'utf8')

t.test('each promise of docs/what-is-promised.md names a test that exists', async (t) => {
  const lines = page.split('\n')
  const rows = lines.filter((line, at) => line.startsWith('| ') && !lines[at + 1]?.startsWith('| ---'))
  const promises = rows.filter((line) => !line.startsWith('| ---'))
  t.ok(promises.length > 60, 'the tables are found')
  for (const row of promises) {
    const [, file, title] = SHOWN_BY.exec(row) ?? []
    const path = `test/${file}.test.ts`
    const isThere = file !== undefined && existsSync(path)
    t.ok(isThere && readFileSync(path, 'utf8').includes(title ?? '\0'), row)
  }
})

t.test('each command of docs/what-is-promised.md exists', async (t) => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> }
  const commands = [...page.matchAll(/`npm run ([\w:]+)/g)].map(([, name = '']) => name)
  t.ok(commands.includes('bench:promises'))
  for (const name of commands) t.ok(name in scripts, name)
})
