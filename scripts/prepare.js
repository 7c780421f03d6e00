// Brings a fresh clone to a runnable state: installs what is missing, builds what has changed, and does nothing else.
// Plain Node, no dependencies: it is the first thing that runs on a new machine.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 18)) {
  console.error(`mgw needs Node.js 20.18.1 or newer; this is ${process.version}.`)
  process.exit(1)
}

/** Hash of the named files and of every file below the named folders. */
function fingerprint(...names) {
  const hash = createHash('sha256').update(process.version)
  const visit = (path) => {
    const full = join(root, path)
    if (!existsSync(full)) return
    try {
      for (const name of readdirSync(full).sort()) visit(join(path, name))
    } catch {
      hash.update(`${path}\0`).update(readFileSync(full))
    }
  }
  names.forEach(visit)
  return hash.digest('hex')
}

/** Runs `step` unless `stampFile` says that it ran with the same inputs. */
function unlessDone(stampFile, inputs, step) {
  const stamp = join(root, stampFile)
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === inputs) return
  step()
  mkdirSync(join(stamp, '..'), { recursive: true })
  writeFileSync(stamp, inputs)
}

/** Removes compiled files without a source; the compiler writes anew what has changed, and leaves the rest. */
function removeStale(folder) {
  const full = join(root, folder)
  if (!existsSync(full)) return
  for (const entry of readdirSync(full, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    const source = path.slice('dist/'.length).replace(/\.js(\.map)?$/, '.ts')
    if (entry.isDirectory()) removeStale(path)
    else if (source.endsWith('.ts') && !existsSync(join(root, source))) rmSync(join(root, path))
  }
}

function run(title, command, args) {
  console.error(title)
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] })
  if (status === 0) return
  console.error(`${title} failed${error ? `: ${error.message}` : ''}`)
  process.exit(1)
}

unlessDone('node_modules/.mgw-installed', fingerprint('package-lock.json'), () =>
  run('Installing dependencies (npm ci) ...', 'npm', ['ci', '--no-audit', '--no-fund']),
)
unlessDone('dist/.mgw-built', fingerprint('tsconfig.json', 'package-lock.json', 'src', 'test', 'bench'), () => {
  removeStale('dist')
  run('Building ...', process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.json'])
})
