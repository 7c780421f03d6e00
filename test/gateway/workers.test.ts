import cluster from 'node:cluster'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { parseConfig } from '../../src/config/index.js'
import { ofPrimary } from '../../src/gateway/reload.js'
import { RestartDelay, Workers } from '../../src/gateway/workers.js'
import { silent } from '../../src/logging/index.js'
import { Publisher } from '../../src/replication/index.js'
import { RealtimeStatus } from '../../src/revocation/lookup.js'
import { RevocationList } from '../../src/revocation/revocation-list.js'
import { Fingerprinter } from '../../src/token/fingerprint.js'
import { packageVersion } from '../../src/version.js'

/** Nothing arrives through the workers. */
const PRIMARY = { revoke: async () => {}, receive: async () => ({ status: 404 }) }

t.test('restarts soon after a start wait ever longer, up to 30 s; a long life resets that', (t) => {
  const delay = new RestartDelay()
  const delays = Array.from({ length: 11 }, () => delay.next(50))
  t.strictSame(delays, [100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000])
  t.equal(delay.next(30_000), 100)
  t.equal(delay.next(29_999), 200)
  t.end()
})

t.test('a worker that cannot be started is an error at the start, and is retried later', async (t) => {
  cluster.setupPrimary({ execArgv: [], silent: true })
  t.teardown(() => cluster.setupPrimary({ cwd: process.cwd() }))
  const { options, logged } = setUp(t)
  for (const cwd of ['/nowhere', 'an invalid path: \0']) {
    cluster.setupPrimary({ cwd })
    await t.rejects(Workers.start(options), { message: 'a worker exited before it listened (not started)' })

    cluster.setupPrimary({ cwd: process.cwd() })
    const { workers } = await Workers.start(options)
    cluster.setupPrimary({ cwd })
    const failed = logged(/worker process error|cannot fork a worker/)
    process.kill(workers.status()[0]?.pid ?? 0, 'SIGKILL')
    await failed
    cluster.setupPrimary({ cwd: process.cwd() })
    await logged(/worker listening/)
    t.match(workers.status(), [{ listening: true }])
    await workers.close()
  }
})

t.test('a worker of another version of mgw is refused with a clear line, and another one started', async (t) => {
  const { workers, logged, startInstead, startWorkers } = await started(t)
  startInstead(OTHER_VERSION)
  const refused = logged(/the worker is of mgw 0\.0\.0-other and the gateway of \d\S*: restart the gateway/)
  process.kill(workers.status()[0]?.pid ?? 0, 'SIGKILL')
  await refused
  t.match(workers.status(), [{ listening: false }])
  startWorkers()
  await logged(/worker listening/)
  t.match(workers.status(), [{ listening: true }])
})

t.test('a reload that meets a starting worker ends when that has taken it', async (t) => {
  const { workers } = await started(t)
  const first = workers.status()[0]?.pid ?? 0
  process.kill(first, 'SIGKILL')
  await until(() => workers.status().some(({ pid }) => pid !== first))
  t.strictSame(await workers.reload(), [])
  t.match(workers.status(), [{ listening: true }])
})

t.test('a worker that does not take a reload in time is named, and the next reload runs', async (t) => {
  const { workers, startInstead } = await started(t)
  startInstead(`${HELLO}process.send({ kind: 'listening', httpPort: 1, httpsPort: 2 })`)
  t.strictSame(await workers.replaceAll(), [])
  for (const _ of [1, 2]) {
    t.strictSame(await workers.reload(20), ['worker 1 did not take the configuration within 20 ms'])
  }
})

t.test('a successor that does not listen in time is killed, and the worker goes on', async (t) => {
  const { workers, startInstead } = await started(t)
  const [{ pid } = { pid: 0 }] = workers.status()
  startInstead(HELLO)
  const why = 'worker 1 cannot be replaced and goes on: its successor did not listen within 20 ms'
  t.strictSame(await workers.replaceAll(20), [why])
  await until(() => workers.status().length === 1)
  t.match(workers.status(), [{ pid, listening: true }])
})

t.test(
  'a gateway that stops while a worker is replaced: the new one exits by itself, without having listened',
  async (t) => {
    cluster.setupPrimary({ execArgv: [], silent: true })
    const { options } = setUp(t)
    const { workers } = await Workers.start(options)
    const replaced = workers.replaceAll()
    await until(() => workers.status().length === 2)
    await workers.close()
    const why = 'worker 1 cannot be replaced and goes on: its successor exited before it listened (0)'
    t.strictSame(await replaced, [why])
    t.strictSame(workers.status(), [])
  },
)

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve))
}

/** Says hello as a worker does, and takes nothing that it is told. */
const HELLO = `
process.send({ kind: 'replication', message: { type: 'hello', version: '${packageVersion()}' } })
process.on('disconnect', () => process.exit(0))
setInterval(() => undefined, 1000)
`

/** Says hello as a worker of another version does. */
const OTHER_VERSION = `
process.send({ kind: 'replication', message: { type: 'hello', version: '0.0.0-other' } })
setInterval(() => undefined, 1000)
`

/** One worker that runs. */
async function started(t: Test) {
  cluster.setupPrimary({ execArgv: [], silent: true })
  const { options, logged } = setUp(t)
  const { exec = '' } = cluster.settings
  const { workers } = await Workers.start(options)
  const startWorkers = () => cluster.setupPrimary({ exec })
  t.teardown(() => workers.close())
  t.teardown(startWorkers)
  return {
    workers,
    logged,
    /** Has another program started in the place of further workers. */
    startInstead(program: string) {
      const file = join(dirname(options.configFile), 'worker.mjs')
      writeFileSync(file, program)
      cluster.setupPrimary({ exec: file })
    },
    /** Has workers started again. */
    startWorkers,
  }
}

/** Options of one worker without APIs, and what its primary logs. */
function setUp(t: Test) {
  const directory = t.testdir()
  const configFile = join(directory, 'micro-gw.conf')
  mkdirSync(join(directory, 'api_definitions'))
  writeFileSync(configFile, '[listenerConfig]\n  host = "127.0.0.1"\n  httpPort = 0\n  httpsPort = 0\n')
  const waiting = new Set<(text: string) => void>()
  const hear = (text: string, error?: unknown) => {
    const said = error instanceof Error ? `${text}: ${error.message}` : text
    for (const look of waiting) look(said)
  }
  const logger = { ...silent('test'), info: hear, error: hear }
  const logged = (what: RegExp) =>
    new Promise<void>((resolve) => {
      waiting.add((text) => {
        if (what.test(text)) resolve()
      })
    })
  const fingerprints = Fingerprinter.random()
  const publisher = new Publisher({
    list: new RevocationList({ fingerprints, retention: 60_000 }),
    seed: fingerprints.seed,
    remaining: () => Number.POSITIVE_INFINITY,
    realtimeStatus: new RealtimeStatus(),
    bounds: () => ({ expired: 0, retained: Date.now(), endedBefore: 0, droppedBefore: 0 }),
    logger,
  })
  t.teardown(() => publisher.close())
  const shared = ofPrimary(parseConfig(readFileSync(configFile, 'utf8'), configFile, {}).config)
  return {
    options: { configFile, shared, count: 1, stopTimeout: 1_000, publisher, ...PRIMARY, logger },
    logged,
  }
}
