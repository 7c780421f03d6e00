import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { NEVER } from '../../../../src/revocation/record.js'
import { etcdEndpoint } from '../../../../src/sources/persistent/etcd/endpoint.js'
import { type EtcdV3Options, etcdV3Store } from '../../../../src/sources/persistent/etcd-v3/store.js'
import { type EtcdServer, etcdMissing, startEtcd } from '../../../services/etcd.js'
import { tcpServer } from '../../../support/servers.js'
import { failure, listed, token } from '../contract.js'

const skip = etcdMissing()
const DAY = 86_400
const rule = (revokedBefore: number, expiresAt?: number) =>
  ({ kind: 'subject', id: 'alice', revokedBefore, expiresAt }) as const

t.test(
  'a later put shortens no lease, and one of unknown end is kept for longer when it is told again',
  { skip },
  async (t) => {
    const etcd = await startEtcd(t)
    const store = storeOf(t, etcd.url)
    const year = Date.now() + 365 * DAY * 1_000
    await store.put?.(rule(1e12, year))
    await store.put?.(rule(2e12))
    const left = await secondsLeft(etcd, 'jti-records/subject/alice')
    t.ok(left > 364.9 * DAY && left < 366 * DAY, 'with the end that it had')
    await store.put?.(token('a', Date.now() + 60_000))
    await store.put?.(token('a', undefined))
    t.ok((await secondsLeft(etcd, 'jti/a')) >= 30 * DAY)

    const forgetful = storeOf(t, etcd.url, { retention: 10_000 })
    await forgetful.put?.(token('b', undefined))
    const retold = storeOf(t, etcd.url, { retention: 60_000 })
    await retold.put?.(token('b', undefined))
    t.ok((await secondsLeft(etcd, 'jti/b')) >= 59, 'for a time that begins again')
    await forgetful.put?.(token('b', undefined))
    t.ok((await secondsLeft(etcd, 'jti/b')) >= 55, 'which another gateway does not end')
  },
)

t.test('a rule that somebody keeps for ever stays so, and says the later moments', { skip }, async (t) => {
  const etcd = await startEtcd(t)
  await etcd.ctl(3, 'put', 'jti-records/subject/alice', '{"revokedBefore":2000000000000}')
  const store = storeOf(t, etcd.url)
  for (const revokedBefore of [1e12, 3e12]) await store.put?.(rule(revokedBefore, Date.now() + 60_000))
  t.strictSame(await listed(store), [rule(3e12)])
  t.equal(await secondsLeft(etcd, 'jti-records/subject/alice'), Number.POSITIVE_INFINITY)
})

t.test('a lease is counted from a time that is not later than the real one', { skip }, async (t) => {
  const etcd = await startEtcd(t)
  const now = Date.now()
  await storeOf(t, etcd.url, { notAfter: () => now - 7_200_000 }).put?.(token('a', now + 3_600_000))
  t.ok((await secondsLeft(etcd, 'jti/a')) > 3 * 3_600 + 3_600)
})

t.test('an end beyond any lease is kept without one', { skip }, async (t) => {
  const etcd = await startEtcd(t)
  const store = storeOf(t, etcd.url)
  await store.put?.(token('a', Date.now() + 60_000))
  for (const expiresAt of [Date.UTC(9999, 0), NEVER]) await store.put?.(token('a', expiresAt))
  t.strictSame(await listed(store), [token('a', NEVER)])
  t.equal(await secondsLeft(etcd, 'jti/a'), Number.POSITIVE_INFINITY)
})

t.test(
  'a write whose answer is lost deletes nothing, and the next attempt leaves no lease behind',
  { skip },
  async (t) => {
    const etcd = await startEtcd(t)
    const link = await losingLink(t, etcd)
    await storeOf(t, etcd.url).put?.(rule(1e12))
    const behind = storeOf(t, link.url)
    link.loseNext()
    const unanswered = { code: 'ERR_STORE_UNREACHABLE' }
    t.match(await failure(behind.put?.(rule(2e12, Date.now() + 365 * DAY * 1_000)) ?? Promise.resolve()), unanswered)
    t.match(await listed(storeOf(t, etcd.url)), [{ id: 'alice', revokedBefore: 2e12 }])
    await behind.put?.(rule(3e12))
    t.match(await listed(storeOf(t, etcd.url)), [{ id: 'alice', revokedBefore: 3e12 }])
    t.ok((await secondsLeft(etcd, 'jti-records/subject/alice')) > 364 * DAY)
    t.equal(await leases(etcd), 2, 'the first one and the one of the key')
  },
)

t.test('a write that another server is asked for, as the answer was lost, deletes nothing', { skip }, async (t) => {
  const etcd = await startEtcd(t)
  const link = await losingLink(t, etcd)
  for (const record of [rule(1e12), rule(2e12, Date.now() + 365 * DAY * 1_000)]) {
    link.loseNext()
    await storeOf(t, `${link.url},${etcd.url}`).put?.(record)
    t.match(await listed(storeOf(t, etcd.url)), [record])
  }
})

function storeOf(t: Test, url: string, settings: Partial<EtcdV3Options> = {}) {
  const store = etcdV3Store({ endpoint: etcdEndpoint(url), timeout: 1_000, ...settings })
  t.teardown(() => store.close?.())
  return store
}

/** A link to an etcd on which nothing comes back once a rule has been written. */
async function losingLink(t: Test, etcd: EtcdServer) {
  const loss = { isNext: false }
  const { port } = await tcpServer(t, (client) => {
    const upstream = connect(Number(new URL(etcd.url).port), '127.0.0.1')
    let isLost = false
    client.on('data', (chunk) => {
      if (loss.isNext && chunk.includes('{"revokedBefore":')) {
        isLost = true
        loss.isNext = false
      }
      upstream.write(chunk)
    })
    upstream.on('data', (chunk) => {
      if (!isLost) client.write(chunk)
    })
    for (const side of [client, upstream]) {
      side.on('error', () => undefined)
      side.on('close', () => {
        client.destroy()
        upstream.destroy()
      })
    }
  })
  const loseNext = () => {
    loss.isNext = true
  }
  return { url: `http://127.0.0.1:${port}`, loseNext }
}

async function leases(etcd: EtcdServer): Promise<number> {
  return (await etcd.ctl(3, 'lease', 'list', '-w', 'json')).match(/"ID"|"id"/g)?.length ?? 0
}

/** Seconds until etcd lets a key go; infinite without a lease. */
async function secondsLeft(etcd: EtcdServer, key: string): Promise<number> {
  const lease = BigInt((await etcd.ctl(3, 'get', key, '-w', 'fields')).match(/"Lease" : (\d+)/)?.[1] ?? -1)
  if (lease === 0n) return Number.POSITIVE_INFINITY
  const life = await etcd.ctl(3, 'lease', 'timetolive', lease.toString(16))
  return Number(/remaining\((\d+)s\)/.exec(life)?.[1])
}
