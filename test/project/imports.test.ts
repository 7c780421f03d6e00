import { readdirSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { dirname, join, relative } from 'node:path'
import t from 'tap'

const src = join(process.cwd(), 'src')

/** Which folders a folder may import from. The longest name that fits a file is its folder; a file that has a name here is one, too. */
const FOLDERS: Readonly<Record<string, readonly string[]>> = {
  cli: ['gateway', 'gateway/source-urls', 'config', 'demo', 'revocation', 'logging', 'logging/describe'],
  demo: ['gateway', 'certificates', 'config', 'logging'],
  gateway: [
    'apis',
    'server',
    'certificates',
    'auth',
    'token',
    'revocation',
    'sources',
    'sources/source',
    'sources/message',
    'sources/identity-provider',
    'sources/ssf',
    'sync',
    'journal',
    'outbox',
    'replication',
    'time',
    'proxy',
    'http-client',
    'faults',
    'metrics',
    'admin',
    'tracing',
    'telemetry',
    'logging',
    'config',
  ],
  'gateway/source-urls': ['sources', 'config'],
  admin: ['revocation', 'auth', 'server', 'metrics', 'logging', 'config'],
  server: [
    'apis',
    'auth',
    'proxy',
    'http-client',
    'faults',
    'metrics',
    'token',
    'revocation',
    'tracing',
    'logging',
    'config',
  ],
  apis: ['faults', 'logging', 'config'],
  auth: ['token', 'certificates', 'faults', 'http-client', 'logging', 'config'],
  proxy: ['http-client', 'faults', 'logging', 'config'],
  sources: [
    'sources/source',
    'sources/realtime',
    'sources/persistent',
    'sources/identity-provider',
    'sources/ssf',
    'auth',
    'revocation',
    'time',
    'certificates',
    'http-client',
    'logging',
    'config',
  ],
  'sources/realtime': ['sources/source', 'sources/remedies', 'sources/message', 'time', 'logging', 'config'],
  'sources/persistent': [
    'sources/source',
    'sources/remedies',
    'sources/message',
    'revocation',
    'time',
    'http-client',
    'logging',
    'config',
  ],
  'sources/ssf': [
    'sources/source',
    'sources/identity-provider',
    'auth',
    'token',
    'revocation',
    'http-client',
    'time',
    'logging',
    'config',
  ],
  'sources/message': ['sources/source', 'revocation', 'logging'],
  'sources/identity-provider': ['sources/source', 'revocation', 'auth', 'config', 'time', 'logging'],
  'sources/source': ['revocation'],
  'sources/remedies': [],
  sync: ['sources/source', 'journal', 'outbox', 'revocation', 'metrics', 'time', 'logging'],
  outbox: ['journal', 'revocation', 'logging'],
  journal: ['revocation', 'token', 'time', 'logging'],
  replication: ['revocation', 'token', 'time', 'logging'],
  revocation: ['token'],
  token: [],
  time: ['logging'],
  'http-client': ['logging', 'config'],
  certificates: ['logging', 'config'],
  faults: [],
  metrics: [],
  tracing: [],
  telemetry: ['metrics', 'http-client', 'time', 'logging', 'config'],
  logging: ['logging/describe'],
  'logging/describe': [],
  config: [],
}

/** A file that every folder may import. */
const EVERYWHERE = ['error-code', 'json', 'package-file', 'version']

/** Which folders may import a package; one that is not named here may be imported by none. */
const VENDORS: Readonly<Record<string, readonly string[]>> = {
  commander: ['cli'],
  rhea: ['sources/realtime', 'demo'],
  amqplib: ['sources/realtime'],
  etcd3: ['sources/persistent'],
  '@streamparser/json': ['sources/persistent', 'apis'],
  jose: ['auth', 'demo'],
  'lru-cache': ['auth'],
  yaml: ['apis'],
  'find-my-way': ['apis'],
  selfsigned: ['certificates'],
  'node-forge': ['certificates'],
  undici: ['http-client'],
  'http-proxy': ['proxy'],
  pino: ['logging'],
  'prom-client': ['metrics'],
  '@iarna/toml': ['config'],
  zod: ['config'],
}

/** Types cost nothing at run time: what a folder is handed by another may be named by its vendor's type. */
const TYPE_ONLY: Readonly<Record<string, readonly string[]>> = {
  undici: ['auth', 'proxy', 'server', 'sources', 'sources/persistent', 'gateway'],
}

/** By file: the packages that it brings with it when it is loaded, before it has done anything. The others are loaded where they are needed. */
const LOADED: Readonly<Record<string, readonly string[]>> = {
  'cli/main.ts': ['commander'],
  'cli/status.ts': ['commander', 'zod', '@iarna/toml'],
  'gateway/announce.ts': ['undici', 'pino', 'zod', '@iarna/toml'],
  'gateway/start.ts': [
    ...['undici', 'pino', 'zod', '@iarna/toml', 'jose', 'lru-cache'],
    ...['yaml', '@streamparser/json', 'find-my-way', 'http-proxy'],
  ],
}

const imports = sources().flatMap((file) => importsOf(file).map((imported) => ({ file, ...imported })))

t.test('a folder imports only the folders that it may, and only what their index offers', async (t) => {
  for (const { file, from } of imports) {
    if (!from.startsWith('.')) continue
    const imported = relative(src, join(src, dirname(file), from))
    const [here, there] = [folder(file), folder(imported)]
    if (here === there || EVERYWHERE.includes(there)) continue
    t.ok(FOLDERS[here]?.includes(there), `${file} imports ${from}`)
    const isOffered = imported === `${there}.js` || imported === `${there}/index.js`
    t.ok(isOffered, `${file} imports ${from}: past the index`)
  }
})

t.test('a package is imported only in its folder', async (t) => {
  for (const { file, from, typeOnly } of imports) {
    const name = packageOf(from)
    if (name === undefined) continue
    const allowed = [...(VENDORS[name] ?? []), ...(typeOnly ? (TYPE_ONLY[name] ?? []) : [])]
    t.ok(allowed.includes(folder(file)), `${file} imports ${from}`)
    t.notOk(builtinModules.includes(name), `${file} imports ${from} without node:`)
  }
})

t.test('every dependency is imported, and every package that is imported is a dependency', async (t) => {
  const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as { dependencies: Record<string, string> }
  const imported = imports.map(({ from }) => packageOf(from)).filter((name) => name !== undefined)
  t.strictSame([...new Set(imported)].sort(), Object.keys(dependencies).sort())
})

t.test('a file brings with it only the packages that it always needs', async (t) => {
  for (const [file, packages] of Object.entries(LOADED)) {
    t.strictSame([...loadedWith(file)].sort(), [...packages].sort(), file)
  }
})

/** The packages that are loaded with a file of ours, also by what it imports. */
function loadedWith(file: string, seen = new Set<string>(), packages = new Set<string>()): Set<string> {
  if (seen.has(file)) return packages
  seen.add(file)
  for (const { file: importing, from, typeOnly, isLater } of imports) {
    if (importing !== file || typeOnly || isLater) continue
    const name = packageOf(from)
    if (name !== undefined) packages.add(name)
    else if (from.startsWith('.')) loadedWith(join(dirname(file), from).replace(/\.js$/, '.ts'), seen, packages)
  }
  return packages
}

/** The package that an import names; none if it is a file of ours or a part of Node. */
function packageOf(from: string): string | undefined {
  if (from.startsWith('.') || from.startsWith('node:')) return undefined
  return from.split('/', from.startsWith('@') ? 2 : 1).join('/')
}

/** `src/gateway.ts` and `src/worker.ts`, the only two that know everybody, stand beside the parts that they share. */
function folder(file: string): string {
  const path = file.replace(/\.[jt]s$/, '')
  if (path === 'worker') return 'gateway'
  const names = Object.keys(FOLDERS).filter((name) => path === name || path.startsWith(`${name}/`))
  return names.sort((one, other) => other.length - one.length)[0] ?? path
}

function sources(): string[] {
  return readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))
}

function importsOf(file: string): { from: string; typeOnly: boolean; isLater: boolean }[] {
  const text = readFileSync(join(src, file), 'utf8')
  const found = [...text.matchAll(/^(?:import|export)\s+(type\s+)?[^'"]*?from\s+'([^']+)'/gm)].map(
    ([, type, from]) => ({ from: from ?? '', typeOnly: type !== undefined, isLater: false }),
  )
  const bare = [...text.matchAll(/(?:^import\s+|\bimport(\())'([^']+)'/gm)].map(([, later, from]) => ({
    from: from ?? '',
    typeOnly: false,
    isLater: later !== undefined,
  }))
  return [...found, ...bare]
}
