import type { Token, Upstream } from '../../test/chaos/upstream.js'
import { startEtcd } from '../../test/services/etcd.js'
import type { Owner } from '../../test/services/service-process.js'
import { limitFileSize } from '../../test/support/file-size-limit.js'
import { Gateway, until } from './gateway.js'
import { type Measurement, type Row, repeat } from './measurement.js'
import { etcdV2, etcdV3, eventHub, type StoreUnderTest } from './sources.js'

/** Until the journal has noted that it has all that the sources knew, ms: a restart may then rely on it. */
const IN_STEP = 2_000

export const processFaults: readonly Measurement[] = [
  {
    name: 'nothing broken',
    async measure(t, issuer, trials) {
      const gateway = await Gateway.start(t, issuer, { workers: 2 })
      await until('two workers serve', () => gateway.hasWorkers(2))
      const samples = await repeat(20 * trials, async () => {
        const begin = performance.now()
        if ((await gateway.revoke(await issuer.token())) !== 204) throw new Error('not acknowledged')
        return performance.now() - begin
      })
      return [{ fault: 'none, two workers', source: 'POST /revocations', what: 'asked, to 204', samples }]
    },
  },
  {
    name: 'gateway killed',
    async measure(t, issuer, trials) {
      const etcd = await startEtcd(t)
      const rows: Row[] = []
      for (const store of [etcdV3(etcd), etcdV2(etcd), await eventHub(t)]) {
        rows.push(...(await killed(t, issuer, trials, store)))
      }
      const gateway = await Gateway.start(t, issuer, { persistent: etcdV3(etcd).section })
      await new Promise((resolve) => setTimeout(resolve, IN_STEP))
      await etcd.kill()
      rows.push(...(await restarts(gateway, issuer, trials, 'gateway killed, etcd away', 'journal')))
      return rows
    },
  },
  {
    name: 'worker stopped',
    async measure(t, issuer, trials) {
      const samples = await repeat(trials, async () => {
        const gateway = await Gateway.start(t, issuer, { workers: 2 })
        await until('two workers serve', () => gateway.hasWorkers(2))
        gateway.signal('worker', 'SIGSTOP')
        const begin = performance.now()
        if ((await gateway.revoke(await issuer.token())) !== 204) throw new Error('not acknowledged')
        const took = performance.now() - begin
        await gateway.kill()
        return took
      })
      return [{ fault: 'one of two workers stopped', source: 'POST /revocations', what: 'asked, to 204', samples }]
    },
  },
  {
    name: 'primary stopped',
    async measure(t, issuer, trials) {
      const { jwt } = await issuer.token()
      const samples = await repeat(trials, async () => {
        const gateway = await Gateway.start(t, issuer, { workers: 2 })
        await until('two workers serve', () => gateway.hasWorkers(2))
        const begin = performance.now()
        gateway.signal('primary', 'SIGSTOP')
        let last = begin
        await until('every worker answers 503', async () => {
          const answers = await Promise.all([1, 2, 3, 4].map(() => gateway.status(jwt)))
          if (answers.includes(200)) last = performance.now()
          return performance.now() - last > 2_000
        })
        await gateway.kill()
        return last - begin
      })
      return [{ fault: 'primary stopped', source: 'any', what: 'stopped, to the last request served', samples }]
    },
  },
  {
    name: 'disk full',
    async measure(t, issuer, trials) {
      const gateway = await Gateway.start(t, issuer, {})
      const results = await repeat(trials, async () => {
        const token = await issuer.token()
        limitFileSize(gateway.pid, 1)
        const begin = performance.now()
        if ((await gateway.revoke(token)) !== 503) throw new Error('acknowledged, and it is not on disk')
        const refused = performance.now() - begin
        if (!(await gateway.refuses(token))) throw new Error('it is not in force')
        limitFileSize(gateway.pid, 'unlimited')
        return { refused, again: await until('it is acknowledged', async () => (await gateway.revoke(token)) === 204) }
      })
      const row = (what: string, samples: number[]): Row => ({
        fault: 'disk full, no store',
        source: 'POST /revocations',
        what,
        samples,
      })
      return [
        row(
          'asked, to 503',
          results.map(({ refused }) => refused),
        ),
        row(
          'room again, to 204',
          results.map(({ again }) => again),
        ),
      ]
    },
  },
]

/** kill -9 right after "revoked"; what the store is told while the gateway is down must not pass either. */
async function killed(t: Owner, issuer: Upstream, trials: number, store: StoreUnderTest): Promise<Row[]> {
  const gateway = await Gateway.start(t, issuer, { persistent: store.section })
  const rows = await restarts(gateway, issuer, trials, 'gateway killed and started again', store.name, store)
  await gateway.kill()
  return rows
}

async function restarts(
  gateway: Gateway,
  issuer: Upstream,
  trials: number,
  fault: string,
  source: string,
  store?: StoreUnderTest,
): Promise<Row[]> {
  const results = await repeat(trials, async () => {
    const [told, meanwhile, good] = [await issuer.token(), await issuer.token(), await issuer.token()]
    if ((await gateway.revoke(told)) !== 204) throw new Error('not acknowledged')
    await gateway.kill()
    await store?.put(meanwhile.jti)
    const begin = performance.now()
    await gateway.launch()
    const revoked = store === undefined ? [told] : [told, meanwhile]
    const refused = Promise.all(revoked.map((token) => neverServed(gateway, token, begin)))
    const served = until('a good token is served', async () => (await gateway.status(good.jwt)) === 200, begin)
    return { refused: Math.max(...(await refused)), served: await served }
  })
  return [
    { fault, source, what: 'started, to 401 for what was revoked', samples: results.map(({ refused }) => refused) },
    { fault, source, what: 'started, to 200 for other tokens', samples: results.map(({ served }) => served) },
  ]
}

/** Until it is refused as revoked. Throws if it is served before. */
function neverServed(gateway: Gateway, { jwt }: Token, begin: number): Promise<number> {
  const refused = async () => {
    const status = await gateway.status(jwt)
    if (status === 200) throw new Error('a revoked token was served after a restart')
    return status === 401
  }
  return until('a revoked token is refused after a restart', refused, begin)
}
