import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { etcdMissing, startEtcd } from './services/etcd.js'
import { jtiOf, startGateway, world } from './support/gateway.js'
import { form, insecureHttps } from './support/https-client.js'
import { mgw } from './support/mgw.js'
import { startCluster } from './workers/cluster.js'

/** The file that `npm run package` makes, in a root directory without Node or anything else of ours. */
const EXECUTABLE = join(process.cwd(), 'build/mgw')
process.env.MGW_EXECUTABLE = `${join(process.cwd(), 'scripts/package/in-empty-root.sh')} ${EXECUTABLE}`

const skip = notToBeRun()
const persistent = (lines: string) => `enablePersistentStorageRetrieval = true\n${lines}`

t.test('--version', { skip }, async (t) => {
  const run = mgw(t, ['--version'])
  t.equal(await run.ended(), 0)
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
  t.equal(run.output(), `${version}\n`)
})

t.test('the demo: a token works, is revoked, and is refused', { skip }, async (t) => {
  const demo = mgw(t, ['demo', '--free-ports', '--directory', t.testdir()])
  const [, https = ''] = await demo.printed(/gateway {8}(https:\S+)/)
  const call = insecureHttps(t)
  const answer = await call(`${https}/token`, form({ grant_type: 'client_credentials' }))
  const { access_token: token } = JSON.parse(answer.body) as { access_token: string }
  const pets = () => call(`${https}/petstore/v1/pet/1`, { headers: { authorization: `Bearer ${token}` } })
  t.equal((await pets()).status, 200)
  t.equal((await call(`${https}/revoke`, form({ token }))).status, 200)
  while ((await pets()).status !== 401);
  t.equal(await demo.end('SIGTERM'), 0)
})

t.test('start with two workers, a topic and etcd v3; mgw revoke', { skip: skip || etcdMissing() }, async (t) => {
  const etcd = await startEtcd(t)
  const w = await world(t)
  const [early, late, other] = [await w.token(), await w.token(), await w.token()]
  await etcd.ctl(3, 'put', `jti/${jtiOf(early)}`, 'true')
  const sources = { persistent: persistent(`type = "etcd"\nendpointURL = "${etcd.url}/v3/keys/jti/"`) }
  const gateway = await startCluster(t, w, 2, '', sources)
  const workers = await gateway.ready(2)
  t.equal(await gateway.fresh(early), 401, 'etcd had it')
  t.equal(await gateway.fresh(other), 200)

  const file = join(w.directory, 'gateway/micro-gw.conf')
  const revoke = mgw(t, ['revoke', '-', '-c', file], {}, late)
  t.equal(await revoke.ended(), 0, revoke.output())
  while ((await gateway.fresh(late)) !== 401);
  t.match(await etcd.ctl(3, 'get', '--prefix', 'jti/'), new RegExp(jtiOf(late)))

  process.kill(workers[0]?.pid ?? 0, 'SIGKILL')
  await gateway.process.printed(/worker exited; restarting it/)
  await gateway.ready(2)
  t.equal(await gateway.fresh(late), 401, 'also by a worker that was forked later')
  t.equal(await gateway.process.end('SIGTERM'), 0)
})

t.test('a store module is imported from disk with what it imports; check and start', { skip }, async (t) => {
  const w = await world(t)
  const [revoked, other] = [await w.token(), await w.token()]
  const file = w.configFile('', { persistent: persistent('type = "mine"\nmodule = "store.mjs"') })
  writeFileSync(join(w.directory, 'gateway/ids.cjs'), `module.exports = ['${jtiOf(revoked)}']`)
  writeFileSync(join(w.directory, 'gateway/store.mjs'), STORE)
  const check = mgw(t, ['check', '-c', file])
  t.equal(await check.ended(), 0)
  t.match(check.output(), /: ok/)
  t.notMatch(check.output(), /ExperimentalWarning/)
  const gateway = await startGateway(t, file)
  await gateway.known()
  t.equal(await gateway.status(revoked), 401)
  t.equal(await gateway.status(other), 200)
})

/** Awaits at its top level: `require` could not load it. */
const STORE = `
import { setImmediate } from 'node:timers/promises'
import ids from './ids.cjs'
await setImmediate()
export const createStore = () => ({
  name: 'mine',
  async *list() { for (const id of ids) yield { kind: 'token', id } },
})
`

function notToBeRun(): string | false {
  if (!existsSync(EXECUTABLE)) return 'npm run package has not been run'
  if (statSync(EXECUTABLE).mtimeMs < statSync('dist/.mgw-built').mtimeMs) return 'build/mgw is older than the sources'
  return spawnSync('unshare', ['--mount', 'true']).status === 0 ? false : 'mount namespaces are not available'
}
