import type { Teardowns } from '../../test/chaos/teardowns.js'
import type { Upstream } from '../../test/chaos/upstream.js'
import { type EtcdServer, startEtcd } from '../../test/services/etcd.js'
import { Gateway, until } from './gateway.js'
import { type Measurement, type Row, repeat } from './measurement.js'
import { etcdV2, etcdV3, type StoreUnderTest } from './sources.js'

export const storeFaults: readonly Measurement[] = [
  {
    name: 'etcd away',
    async measure(t, issuer, trials) {
      const etcd = await startEtcd(t)
      const rows: Row[] = []
      for (const store of [etcdV3(etcd), etcdV2(etcd)]) rows.push(...(await etcdAway(t, issuer, trials, etcd, store)))
      return rows
    },
  },
  {
    name: 'etcd restored',
    async measure(t, issuer, trials) {
      const etcd = await startEtcd(t)
      const store = etcdV3(etcd)
      const gateway = await Gateway.start(t, issuer, { persistent: store.section })
      const samples = await repeat(trials, async () => {
        const [lost, later] = [await issuer.token(), await issuer.token()]
        const backup = await etcd.snapshot()
        await store.put(lost.jti)
        await until('a revocation that the backup lacks is enforced', () => gateway.refuses(lost))
        await etcd.restore(backup)
        const begin = performance.now()
        await store.put(later.jti)
        const took = await until('what etcd has after that is enforced', () => gateway.refuses(later), begin)
        if (!(await gateway.refuses(lost))) throw new Error('a token was un-revoked')
        return took
      })
      const what = 'serving the backup, to refused what it was told then; what it has lost stays refused'
      return [{ fault: 'etcd restored from a backup', source: store.name, what, samples }]
    },
  },
]

/** What an operator revokes waits while etcd is away; what etcd is told when it is back takes effect. */
async function etcdAway(
  t: Teardowns,
  issuer: Upstream,
  trials: number,
  etcd: EtcdServer,
  store: StoreUnderTest,
): Promise<Row[]> {
  const gateway = await Gateway.start(t, issuer, { persistent: store.section })
  // It learns what this one has written to etcd.
  const other = await Gateway.start(t, issuer, { persistent: store.section })
  const trial = async () => {
    const [ours, later] = [await issuer.token(), await issuer.token()]
    await etcd.kill()
    const asked = performance.now()
    if ((await gateway.revoke(ours)) !== 204) throw new Error('it is kept on disk, and was not acknowledged')
    const acknowledged = performance.now() - asked
    await etcd.restart()
    const begin = performance.now()
    await store.put(later.jti)
    const [refused, written] = await Promise.all([
      until('what etcd has is enforced', () => gateway.refuses(later), begin),
      until('another gateway enforces what this one was told', () => other.refuses(ours), begin),
    ])
    return { acknowledged, refused, written }
  }
  const results = await repeat(trials, trial)
  await Promise.all([gateway.kill(), other.kill()])
  const row = (source: string, what: string, of: keyof (typeof results)[number]): Row => ({
    fault: 'etcd killed and started again',
    source,
    what,
    samples: results.map((result) => result[of]),
  })
  return [
    row(store.name, 'serving again, to refused what it was told then', 'refused'),
    row('POST /revocations', `asked while ${store.name} is away, to 204`, 'acknowledged'),
    row('POST /revocations', `${store.name} serving again, to refused by another gateway`, 'written'),
  ]
}
