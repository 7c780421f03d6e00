import { existsSync, readdirSync, readFileSync } from 'node:fs'
import t from 'tap'

const page = readFileSync('docs/architecture.md', 'utf8')
const named = [...page.matchAll(/(?<![\w/])(?:src|test|conf|docs)\/[\w./-]*[\w-]/g)].map(([path]) => path)

t.test('every path that docs/architecture.md names exists', async (t) => {
  t.ok(named.length > 50, 'paths are found')
  for (const path of new Set(named)) t.ok(existsSync(path), path)
})

t.test('docs/architecture.md has a row for every folder of src', async (t) => {
  const folders = readdirSync('src', { withFileTypes: true }).filter((entry) => entry.isDirectory())
  for (const { name } of folders) t.ok(page.includes(`| \`src/${name}\``), name)
})

t.test('links between documents lead to files', async (t) => {
  const documents = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md'].concat(
    readdirSync('docs', { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.md'))
      .map((name) => `docs/${name}`),
  )
  for (const file of documents) {
    for (const [, link = ''] of readFileSync(file, 'utf8').matchAll(/\]\((?!https?:|#)([^)#\s]+)[^)]*\)/g)) {
      t.ok(existsSync(new URL(link, `file://${process.cwd()}/${file}`)), `${file}: ${link}`)
    }
  }
})
