import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'

/** `| fault | promise | file: "beginning of a title" |` */
const ROW = /^\|[^|]+\|[^|]+\| ([\w./-]+): "([^"]*)" *\|$/
const page = readFileSync('docs/what-is-promised.md', 'utf8')

t.test('each promise of docs/what-is-promised.md names a test that exists', async (t) => {
  const rows = page.split('\n').filter((line) => line.startsWith('| ') && !/^\| (fault|---)/.test(line))
  t.ok(rows.length > 30, 'the tables are found')
  for (const row of rows) {
    const [, file, title] = ROW.exec(row) ?? []
    const path = `test/${file}.test.ts`
    const isThere = file !== undefined && existsSync(path)
    t.ok(isThere && readFileSync(path, 'utf8').includes(title ?? '\0'), row)
  }
})
