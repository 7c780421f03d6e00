// Runs all test files; `.taprc` says how many at a time and for how long. Started by tap itself, each of them, and each process that one starts, would
// record which modules it loads, for a coverage report that we do not have: that takes a third of the processor time.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const FOLDER = 'dist/test'
const { TAP_JOBS, TAP_TIMEOUT } = process.env

const files = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.test.js'))
t.jobs = Number(TAP_JOBS)
t.setTimeout(0)
for (const file of files.sort()) {
  const name = join(FOLDER, file)
  // tap names its recorder in NODE_OPTIONS.
  const command = ['-u', 'NODE_OPTIONS', process.execPath, '--enable-source-maps', name]
  t.spawn('env', command, { name, buffered: true, timeout: Number(TAP_TIMEOUT) * 1_000 })
}
