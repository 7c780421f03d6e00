import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse, parseAllDocuments } from 'yaml'
import { ensureSelfSigned } from '../../src/certificates/index.js'
import { mgw } from '../support/mgw.js'

const MANIFESTS = 'deploy/kubernetes/mgw.yaml'
const CHART = 'deploy/helm/mgw'
const UNIT = 'deploy/systemd/mgw.service'

interface Manifest {
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly data?: Readonly<Record<string, string>>
  readonly stringData?: Record<string, string>
}
interface Service {
  readonly volumes?: readonly string[]
  readonly command?: readonly string[]
}

const manifests = parseAllDocuments(readFileSync(MANIFESTS, 'utf8')).map((document) => document.toJS() as Manifest)
const named = (kind: string, name = 'mgw') =>
  manifests.find(({ kind: its, metadata }) => its === kind && metadata.name === name)

t.test("mgw check accepts the configuration in the ConfigMaps, with the Secret's environment", async (t) => {
  const directory = t.testdir({ api_definitions: {} })
  // The directory of the container is not on this machine.
  const config = named('ConfigMap')?.data?.['micro-gw.conf']?.replace('/var/lib/mgw', join(directory, 'state')) ?? ''
  t.match(config, /state"/)
  writeFileSync(join(directory, 'micro-gw.conf'), config)
  for (const [file, text] of Object.entries(named('ConfigMap', 'mgw-apis')?.data ?? {})) {
    writeFileSync(join(directory, 'api_definitions', file), text)
  }
  const run = mgw(t, ['check', '-c', join(directory, 'micro-gw.conf')], named('Secret')?.stringData)
  t.equal(await run.ended(), 0, run.output())
  t.match(run.output(), /example\/v1/)
})

t.test('docker-compose.yml mounts what exists, and mgw check accepts its configuration', async (t) => {
  const { services } = parse(readFileSync('docker-compose.yml', 'utf8')) as { services: Record<string, Service> }
  t.strictSame(Object.keys(services), ['services', 'gateway', 'etcd', 'activemq'])
  for (const { volumes = [], command = [] } of Object.values(services)) {
    const sources = volumes.map((volume) => volume.split(':')[0] ?? '').filter((source) => source.startsWith('.'))
    const files = command.filter((word) => /^\/mgw\/deploy/.test(word)).map((word) => word.replace('/mgw', '.'))
    for (const path of [...sources, ...files]) t.ok(existsSync(path), path)
  }
  const { certFile } = await ensureSelfSigned(t.testdir())
  // The token service makes its certificate when it starts.
  const config = readFileSync('deploy/compose/micro-gw.conf', 'utf8')
    .replace(/"[^"]*self-signed-cert.pem"/, JSON.stringify(certFile))
    .replace(/"[^"]*\/api_definitions"/, JSON.stringify(join(process.cwd(), 'conf/api_definitions')))
    .replace(/"[^"]*data\/gateway"/, '"state"')
  const file = join(t.testdirName, 'micro-gw.conf')
  writeFileSync(file, config)
  const run = mgw(t, ['check', '-c', file])
  t.equal(await run.ended(), 0, run.output())
  t.match(run.output(), /: ok\n/, 'without a warning')
})

t.test('the manifests are what the chart renders', { skip: missing('helm') }, async (t) => {
  const helm = (...args: string[]) => spawnSync('helm', args, { encoding: 'utf8' })
  t.equal(helm('lint', '--strict', CHART).status, 0)
  t.equal(helm('template', 'mgw', CHART, '--kube-version', '1.34.0').stdout, readFileSync(MANIFESTS, 'utf8'))
})

t.test(
  "the manifests obey Kubernetes' schemas, unknown keys included",
  { skip: missing('kubernetes-validate') },
  async (t) => {
    for (const version of ['1.30.0', '1.37.0']) {
      const { status, stdout, stderr } = spawnSync('kubernetes-validate', ['--strict', '-k', version, MANIFESTS], {
        encoding: 'utf8',
      })
      t.equal(status, 0, `${version}: ${stdout}${stderr}`)
    }
  },
)

t.test('systemd accepts the unit, and says that it is confined', { skip: missing('systemd-analyze') }, async (t) => {
  const unit = join(t.testdir(), 'mgw.service')
  writeFileSync(unit, readFileSync(UNIT, 'utf8').replaceAll('/usr/local/bin/mgw', process.execPath))
  const analyze = (...args: string[]) => spawnSync('systemd-analyze', [...args, unit], { encoding: 'utf8' })
  const verified = analyze('verify')
  t.equal(`${verified.status} ${verified.stderr}`, '0 ')
  t.equal(analyze('security', '--offline=true', '--threshold=20').status, 0, 'an exposure of 2.0 at most')
})

t.test('a list of sources that may be empty has its rule, or its `from`, only when it is not', async (t) => {
  // Kubernetes reads an empty `from` as every source.
  const template = readFileSync(join(CHART, 'templates/network.yaml'), 'utf8')
  t.match(
    template,
    /\n *\{\{- with \.Values\.networkPolicy\.monitoring \}\}\n *- ports:\n *- \{ port: admin \}\n *from:\n *\{\{- toYaml \. \| nindent 8 \}\}\n *\{\{- end \}\}\n/,
  )
  t.match(template, /\{\{- with \.Values\.networkPolicy\.clients \}\}\n *from:\n/)
  t.equal(template.match(/^ *from:$/gm)?.length, 2, 'no other')
})

t.test('the unit lets the gateway write where the documentation puts its state and its logs', async (t) => {
  const unit = readFileSync(UNIT, 'utf8')
  t.match(unit, /^StateDirectory=mgw$/m)
  t.match(unit, /^LogsDirectory=mgw$/m)
  t.match(readFileSync('docs/logging.md', 'utf8'), /^\/var\/log\/mgw\/\*\.log \{$/m)
})

t.test(
  'the image asks the admin listener whether it lives: another one may require a PROXY protocol header',
  async (t) => {
    t.match(readFileSync('Dockerfile', 'utf8'), /^ENV MGW_HEALTH=http:\/\/127\.0\.0\.1:9797\/live$/m)
  },
)

function missing(command: string): string | false {
  return spawnSync(command, ['--version']).error === undefined ? false : `${command} is not installed`
}
