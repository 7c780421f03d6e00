import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { loadConfig } from '../../../src/config/index.js'
import { config, problems } from '../files.js'

t.test('paths stand beside the file that names them', async (t) => {
  const { listenerConfig, server, tokenRevocationConfig } = config(`
[listenerConfig]
certFile = "tls/cert.pem"
keyFile = "$\u007bmgw-runtime.home}/tls/key.pem"
[server]
stateDirectory = "/var/lib/mgw"
[tokenRevocationConfig.journal]
path = "list.journal"
`)
  t.equal(listenerConfig.certFile, '/etc/mgw/conf/tls/cert.pem')
  t.equal(listenerConfig.keyFile, '/etc/mgw/tls/key.pem')
  t.equal(server.stateDirectory, '/var/lib/mgw')
  t.equal(tokenRevocationConfig.journal.path, '/var/lib/mgw/list.journal')
})

t.test('files that a configuration names must exist', async (t) => {
  const directory = t.testdir({ conf: {} })
  const file = join(directory, 'conf', 'a.conf')
  await writeFile(file, `[listenerConfig]\ncertFile = "c.pem"\nkeyFile = "$\u007bmgw-runtime.home}/keys"\n`)
  await mkdir(join(directory, 'keys'))
  const error = await loadConfig(file, {}).catch((each: unknown) => each)
  t.match(error, {
    code: 'ERR_CONFIG',
    problems: [
      { path: 'listenerConfig.certFile', message: `file not found: ${directory}/conf/c.pem` },
      { path: 'listenerConfig.keyFile', message: `is not a file: ${directory}/keys` },
    ],
  })
})

t.test('placeholders for WSO2’s directories are expanded, every time; others are a problem', async (t) => {
  const path = (text: string) => config(`[listenerConfig]\ntrustStorePath = "${text}"`).listenerConfig.trustStorePath
  t.equal(path('$\u007bmgw-runtime.home}/a.p12'), '/etc/mgw/a.p12')
  t.equal(path('$\u007bballerina.home}/bre/a.p12'), '/etc/mgw/runtime/bre/a.p12')
  t.equal(path('a/../b.pem'), '/etc/mgw/conf/b.pem')
  t.equal(path(''), undefined)
  const found = problems(
    '[server]\nstateDirectory = "$\u007bjava.home}/x"\n[listenerConfig]\ntrustStorePath = "a\\u0000b"',
  )
  t.match(found.get('server.stateDirectory'), /unknown placeholder \$\{java\.home\}; only \$\{mgw-runtime\.home\}/)
  t.match(found.get('listenerConfig.trustStorePath'), /is not a path/)
})

t.test('a file in each table of a list is looked for', async (t) => {
  const file = join(t.testdir({ 'there.pem': '' }), 'a.conf')
  const issuer = (name: string, cert: string) => `[[jwtTokenConfig]]\nissuer = "${name}"\ncertFile = "${cert}"\n`
  await writeFile(file, issuer('a', 'there.pem') + issuer('b', 'gone.pem'))
  const error = await loadConfig(file, {}).catch((each: unknown) => each)
  t.match(error, {
    problems: [{ path: 'jwtTokenConfig[1].certFile', message: /^file not found: .*gone\.pem$/ }],
  })
})
