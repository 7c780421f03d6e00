import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { ReloadOutcome } from '../../src/gateway.js'
import { type World, world } from '../support/gateway.js'
import { mixedLoad, NOTHING_LOST } from '../support/load.js'
import { mgw } from '../support/mgw.js'
import { type Clustered, startCluster } from './cluster.js'

const ADMIN = { admin: 'token = "the-admins-own"' }

/** Changes the configuration of a gateway, runs `mgw reload`, and resolves with its exit status and what it printed. */
async function reload(t: Test, w: World, gateway: Clustered, change: [from: string, to: string], args: string[]) {
  const file = join(w.directory, 'gateway', 'micro-gw.conf')
  writeFileSync(file, readFileSync(file, 'utf8').replace(...change))
  const command = mgw(t, ['reload', '-c', file, '--admin', gateway.admin, ...args])
  return { status: await command.ended(), text: command.output() }
}

t.test(
  'mgw reload --workers replaces one worker after the other: under load no request fails or is counted twice, what is revoked is refused, the list stays known',
  async (t) => {
    const w = await world(t)
    const gateway = await startCluster(t, w, 2, '', ADMIN)
    const before = await gateway.ready(2)
    const [token, revoked, open] = [await w.token(), await w.token(), await w.token()]
    await w.revoke(revoked)
    while ((await gateway.status(revoked)) !== 401);
    const slow = gateway.status(open, 'slow')
    await w.holding(1)

    const running = mixedLoad(gateway, token, revoked)
    await running.more(20)
    const change: [string, string] = ['[listenerConfig]', '[listenerConfig]\n  maxUriLength = 200']
    const replaced = reload(t, w, gateway, change, ['--workers', '--json'])
    await gateway.process.wrote((text) => (text.match(/worker listening/g)?.length ?? 0) === 3)
    for (const answer of w.held) answer()
    t.equal(await slow, 200, 'a request that is open ends by the worker that has it')
    const { status, text } = await replaced
    await running.more(20)
    t.strictSame(await running.stop(), NOTHING_LOST)
    t.equal(status, 0, text)
    const outcome = JSON.parse(text) as ReloadOutcome
    t.match(outcome, { succeeded: true, problems: [], changed: ['listenerConfig.maxUriLength'], needsRestart: [] })

    const after = await gateway.ready(2)
    t.strictSame(
      after.filter(({ pid }) => before.some((each) => each.pid === pid)),
      [],
      'no worker of before is left',
    )
    t.equal(await gateway.status(token, 'x'.repeat(300)), 414, 'the new ones have what needs new workers')
    t.equal(await gateway.status(revoked), 401)
    const metrics = await (await fetch(`${gateway.admin}/metrics`)).text()
    t.match(metrics, /^mgw_worker_restarts_total 0$/m, 'a replacement is no failure')
    const counted = /^mgw_http_requests_total\{api="Things",version="1.0.0",status="200",reason="upstream"\} (\d+)$/m
    t.equal(Number(counted.exec(metrics)?.[1]), w.reached.length, 'what the old workers had counted is not lost')
  },
)

t.test('a reload that meets a starting worker ends, and that worker serves by it, too', async (t) => {
  const w = await world(t)
  const gateway = await startCluster(t, w, 2, '', ADMIN)
  const [killed, other] = await gateway.ready(2)
  const token = await w.token()
  process.kill(killed?.pid ?? 0, 'SIGKILL')
  while (!(await gateway.workers()).some(({ listening, pid }) => !listening && pid !== killed?.pid));
  const definition = join(w.directory, 'gateway', 'api_definitions', 'things.yaml')
  writeFileSync(definition, readFileSync(definition, 'utf8').replaceAll('/thing/{id}', '/other/{id}'))
  const { status, text } = await reload(t, w, gateway, ['', ''], [])
  t.equal(status, 0, text)
  process.kill(other?.pid ?? 0, 'SIGSTOP')
  t.equal(await gateway.fresh(token), 403, 'it does not know the path of before')
  process.kill(other?.pid ?? 0, 'SIGCONT')
})

t.test('a worker that cannot be replaced goes on, and mgw reload --workers says why', async (t) => {
  const w = await world(t)
  const gateway = await startCluster(t, w, 2, '', ADMIN)
  const before = await gateway.ready(2)
  const token = await w.token()
  // An address that this machine does not have shows when a worker listens, and not before.
  const gone = await reload(t, w, gateway, ['host = "127.0.0.1"', 'host = "192.0.2.1"'], ['--workers'])
  t.equal(gone.status, 4, gone.text)
  t.match(gone.text, /^NOT RELOADED[^\n]*\n {2}worker 1 cannot be replaced and goes on: .*192\.0\.2\.1/)
  t.strictSame(
    (await gateway.ready(2)).map(({ pid }) => pid),
    before.map(({ pid }) => pid),
  )
  t.equal(await gateway.status(token), 200)
  const wrong = await reload(t, w, gateway, ['[listenerConfig]', '[listenerConfig]\n  nonsense = 1'], [])
  t.equal(wrong.status, 4, 'the gateway finds out that a configuration is wrong')
  t.match(wrong.text, /listenerConfig\.nonsense/)
})

t.test('mgw reload of one process: what has changed, what needs a restart, why nothing changed', async (t) => {
  const w = await world(t)
  const alone = await startCluster(t, w, 1, '', ADMIN)
  await alone.known()
  const nothing = await reload(t, w, alone, ['', ''], ['--workers'])
  t.equal(nothing.status, 4)
  t.match(nothing.text, /no workers to restart/)
  const plain = await reload(t, w, alone, ['level = "debug"', 'level = "info"'], [])
  t.equal(plain.status, 0, plain.text)
  t.match(plain.text, /^reloaded: 1 API, certificates and keys read again\nneeds a restart: logging\n/)
  const definition = join(w.directory, 'gateway', 'api_definitions', 'things.yaml')
  writeFileSync(definition, 'openapi: 3.0.3\n')
  const bad = await reload(t, w, alone, ['', ''], [])
  t.equal(bad.status, 4)
  t.match(bad.text, /^NOT RELOADED[^\n]*\n.*things\.yaml/)
  t.match(await (await fetch(`${alone.admin}/status`)).json(), { lastReload: { outcome: { succeeded: false } } })
})
