import { spawnSync } from 'node:child_process'
import t from 'tap'

/** What npm puts into a package in any case, and what `mgw` runs. */
const WANTED =
  /^(package\.json|README\.md|LICENSE|bin\/mgw\.js|conf\/[\w./-]+\.(conf|json|yaml)|web\/[\w.-]+\.(html|css|js)|dist\/src\/[\w/-]+\.js)$/

t.test('npm pack holds what mgw runs, and nothing else', async (t) => {
  const { stdout } = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { encoding: 'utf8' })
  const [{ files }] = JSON.parse(stdout) as [{ files: { path: string }[] }]
  const paths = files.map(({ path }) => path)
  t.strictSame(
    paths.filter((path) => !WANTED.test(path)),
    [],
  )
  for (const path of [
    'bin/mgw.js',
    'dist/src/cli/main.js',
    'dist/src/worker.js',
    'conf/api_definitions/petstore.yaml',
    'web/status.html',
  ]) {
    t.ok(paths.includes(path), path)
  }
})
