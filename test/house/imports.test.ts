import { readdirSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { dirname, join, relative } from 'node:path'
import t from 'tap'

const src = join(process.cwd(), 'src')

/** Which rooms a room may import from. `*` stands for every room but those named after `-`. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  cli: ['gateway', 'config', 'demo', 'logging'],
  demo: ['gateway', 'certificates', 'config', 'logging'],
  gateway: [
    'apis',
    'server',
    'certificates',
    'auth',
    'revocation',
    'proxy',
    'http-client',
    'faults',
    'admin',
    'logging',
    'config',
  ],
  server: ['apis', 'auth', 'proxy', 'http-client', 'faults', 'revocation', 'logging', 'config'],
  apis: ['faults', 'logging', 'config'],
  auth: ['revocation', 'certificates', 'faults', 'http-client', 'logging', 'config'],
  revocation: ['http-client', 'logging', 'config'],
  proxy: ['http-client', 'faults', 'logging', 'config'],
  admin: ['revocation', 'auth', 'server', 'logging', 'config'],
  'http-client': ['logging', 'config'],
  certificates: ['logging', 'config'],
  faults: [],
  logging: [],
  config: [],
}

/** Which rooms may import a package; one that is not named here may be imported by none. */
const VENDORS: Readonly<Record<string, readonly string[]>> = {
  commander: ['cli'],
  rhea: ['revocation', 'demo'],
  amqplib: ['revocation'],
  etcd3: ['revocation'],
  '@streamparser/json': ['revocation'],
  jose: ['auth', 'demo'],
  'lru-cache': ['auth'],
  yaml: ['apis'],
  'find-my-way': ['apis'],
  selfsigned: ['certificates'],
  'node-forge': ['certificates'],
  undici: ['http-client'],
  'http-proxy': ['proxy'],
  pino: ['logging'],
  '@iarna/toml': ['config'],
  zod: ['config'],
}

/** Types cost nothing at run time: what a room is handed by another may be named by its vendor's type. */
const TYPE_ONLY: Readonly<Record<string, readonly string[]>> = {
  undici: ['auth', 'proxy', 'server', 'revocation', 'gateway'],
}

const imports = sources().flatMap((file) => importsOf(file).map((imported) => ({ file, ...imported })))

t.test('a room imports only the rooms that it may', async (t) => {
  for (const { file, from } of imports) {
    if (!from.startsWith('.')) continue
    const [here, there] = [room(file), room(relative(src, join(src, dirname(file), from)))]
    if (here === there) continue
    t.ok(ROOMS[here]?.includes(there), `${file} imports ${from}`)
  }
})

t.test('a package is imported only in its room', async (t) => {
  for (const { file, from, typeOnly } of imports) {
    const name = packageOf(from)
    if (name === undefined) continue
    const allowed = [...(VENDORS[name] ?? []), ...(typeOnly ? (TYPE_ONLY[name] ?? []) : [])]
    t.ok(allowed.includes(room(file)), `${file} imports ${from}`)
    t.notOk(builtinModules.includes(name), `${file} imports ${from} without node:`)
  }
})

t.test('every dependency is imported, and every package that is imported is a dependency', async (t) => {
  const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as { dependencies: Record<string, string> }
  const imported = imports.map(({ from }) => packageOf(from)).filter((name) => name !== undefined)
  t.strictSame([...new Set(imported)].sort(), Object.keys(dependencies).sort())
})

/** The package that an import names; none if it is a file of ours or a part of Node. */
function packageOf(from: string): string | undefined {
  if (from.startsWith('.') || from.startsWith('node:')) return undefined
  return from.split('/', from.startsWith('@') ? 2 : 1).join('/')
}

function room(file: string): string {
  const [first = ''] = file.split('/')
  return first === 'gateway.ts' || first === 'worker.ts' || first === 'gateway.js' ? 'gateway' : first
}

function sources(): string[] {
  return readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))
}

function importsOf(file: string): { from: string; typeOnly: boolean }[] {
  const text = readFileSync(join(src, file), 'utf8')
  const found = [...text.matchAll(/^(?:import|export)\s+(type\s+)?[^'"]*?from\s+'([^']+)'/gm)].map(
    ([, type, from]) => ({
      from: from ?? '',
      typeOnly: type !== undefined,
    }),
  )
  const bare = [...text.matchAll(/(?:^import\s+|\bimport\()'([^']+)'/gm)].map(([, from]) => ({
    from: from ?? '',
    typeOnly: false,
  }))
  return [...found, ...bare]
}
