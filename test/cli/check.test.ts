import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { mgw } from '../support/mgw.js'

/** What `mgw check` says of a file, and its exit status. */
async function check(t: Test, text: string) {
  const file = join(t.testdir({}), 'micro-gw.conf')
  writeFileSync(file, `apiDefinitions = "."\n${text}`)
  const run = mgw(t, ['check', '-c', file])
  return { status: await run.ended(), said: run.output() }
}

const STORE = '[tokenRevocationConfig.persistent]\nenablePersistentStorageRetrieval = true\n'

t.test(
  'a file that is fine: status 0, with every server of etcd, whether written with a scheme or without',
  async (t) => {
    const url = 'https://127.0.0.1:2379,[::1]:2380,etcd/v3/keys/revoked'
    const { status, said } = await check(t, `${STORE}type = "etcd"\nendpointURL = "${url}"`)
    t.equal(status, 0, said)
    t.match(
      said,
      'etcd https://127.0.0.1:2379/v3/keys/revoked/ https://[::1]:2380/v3/keys/revoked/ https://etcd/v3/keys/revoked/\n',
    )
    t.match(said, /ok, 1 warning\n/)
  },
)

t.test('a source that cannot be made: status 2, and nothing secret is printed', async (t) => {
  const { status, said } = await check(t, `${STORE}type = "etcd"\nendpointURL = "root:hunter2@etcd:2379"`)
  t.equal(status, 2)
  t.match(said, /tokenRevocationConfig\.persistent: endpointURL .* move them to the keys username and password/)
  t.notMatch(said, /hunter2/)
})

t.test('a store module that keeps the process busy does not keep the command from ending', async (t) => {
  const store = `${STORE}type = "busy"\nmodule = "store.mjs"\n`
  const jwt = '[[jwtTokenConfig]]\nissuer = "https://issuer.example"\ncertFile = "bad.pem"\n'
  const good = "{ name: 'busy', async *list() {} }"
  const cases = [
    { command: 'check', returns: good, more: '', status: 0, says: /: ok/ },
    { command: 'check', returns: good, more: jwt, status: 2, says: /mgw: .*bad\.pem: / },
    { command: 'start', returns: good, more: jwt, status: 2, says: /mgw: .*bad\.pem: / },
    { command: 'check', returns: "{ name: 'busy' }", more: '', status: 2, says: /without list\(signal\)/ },
  ]
  for (const { command, returns, more, status, says } of cases) {
    const directory = t.testdir({
      'store.mjs': `export function createStore() { setInterval(() => undefined, 1_000); return ${returns} }`,
      'bad.pem': 'nothing that is a certificate',
      'micro-gw.conf': `apiDefinitions = "."\n${store}${more}`,
    })
    const run = mgw(t, [command, '-c', join(directory, 'micro-gw.conf')])
    t.equal(await run.ended(), status, `${command}: ${run.output()}`)
    t.match(run.output(), says)
  }
})

t.test('a log file that start cannot open is found out by check', async (t) => {
  const directory = t.testdir({ there: {}, file: 'a' })
  for (const [section, path, code] of [
    ['auditLog', 'none/audit.log', 'ENOENT'],
    ['accessLog', 'none/below/access.log', 'ENOENT'],
    ['accessLog', 'there', 'EISDIR'],
    ['auditLog', 'file/audit.log', 'ENOTDIR'],
  ] as const) {
    const file = join(directory, 'micro-gw.conf')
    const listeners =
      '[listenerConfig]\nhost = "127.0.0.1"\nhttpPort = 0\nhttpsPort = 0\n[admin]\nport = 0\n[server]\nworkers = 1\n'
    writeFileSync(file, `apiDefinitions = "."\n${listeners}[${section}]\nenable = true\nfile = "${path}"\n`)
    for (const command of ['check', 'start']) {
      const run = mgw(t, [command, '-c', file])
      t.equal(await run.ended(), 2, `${command}: ${path}`)
      t.match(run.output(), new RegExp(`${section}\\.file: cannot open .*${path} \\(${code}\\)`), `${command}: ${path}`)
    }
  }
})
