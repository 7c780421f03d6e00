// A member that has lost its cluster goes on to answer, and hears of nothing.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import t, { type Test } from 'tap'
import { createHttpClient } from '../../../../src/http-client/index.js'
import { etcdEndpoint } from '../../../../src/sources/persistent/etcd/endpoint.js'
import { etcdV2Store } from '../../../../src/sources/persistent/etcd-v2/store.js'
import { etcdV3Store } from '../../../../src/sources/persistent/etcd-v3/store.js'
import type { PersistentStore } from '../../../../src/sources/source.js'
import { etcdMissing, startEtcd } from '../../../services/etcd.js'
import { type EtcdCluster, startEtcdCluster } from '../../../services/etcd-cluster.js'
import { json, startHub } from '../../../services/event-hub.js'
import { idsOf, startWatch, token } from '../contract.js'

const skip = etcdMissing()
const NEVER = 2 ** 31 - 1
const OFTEN = { confirmEvery: 500, timeout: 1_000 }

const WAYS: readonly [
  title: string,
  api: 2 | 3,
  noticed: RegExp,
  make: (t: Test, cluster: EtcdCluster) => PersistentStore,
][] = [
  [
    'a v3 member that is cut off does not confirm its watch: listing and watch go on at the next',
    3,
    /did not confirm/,
    (_, cluster) => v3(cluster, OFTEN),
  ],
  [
    'a v3 member that is cut off ends its watch, which requires a leader: listing and watch go on at the next',
    3,
    /no leader/,
    (_, cluster) => v3(cluster, { confirmEvery: NEVER }),
  ],
  [
    'a v2 member that is cut off does not confirm its watch: listing and watch go on at the next',
    2,
    /did not confirm/,
    (t, cluster) => v2(t, cluster, OFTEN),
  ],
]

for (const [title, api, noticed, make] of WAYS) {
  t.test(title, { skip }, async (t) => {
    const cluster = await startEtcdCluster(t)
    const store = make(t, cluster)
    const revoke = (member: number, id: string) =>
      api === 3
        ? cluster.ctl(member, 3, 'put', `jti/${id}`, 'true')
        : cluster.ctl(member, 2, 'set', `jti/${id}`, 'true')
    await revoke(0, 'first')
    t.strictSame(await idsOf(store), ['first'])
    const watch = startWatch(t, store)
    await watch?.until(() => watch.states.includes('live'))
    await revoke(1, 'before')
    await watch?.until(() => watch.ids.has('before'))
    cluster.cut()
    await revokeSoon(() => revoke(1, 'meanwhile'))
    t.strictSame(await idsOf(store), ['before', 'first', 'meanwhile'], 'a listing goes on to the next member')
    await watch?.until(() => watch.ids.has('meanwhile') && watch.states.at(-1) === 'live')
    t.strictSame(watch?.states, ['live', 'gap', 'live'])
    t.match(watch?.details[1], noticed)
  })
}

t.test('a watch that comes to a member behind the one that is read is a gap', { skip }, async (t) => {
  const [ahead, behind] = await Promise.all([startEtcd(t), startEtcd(t)])
  for (let n = 0; n < 3; n++) await ahead.ctl(3, 'put', 'other', 'key')
  let connections = 0
  // As a proxy does that spreads connections over members: reads and watches have one each.
  const proxy = createServer((client) => {
    const server = connect(Number(new URL((connections++ % 2 === 0 ? ahead : behind).url).port), '127.0.0.1')
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      from.on('error', () => to.destroy()).on('close', () => to.destroy())
      from.pipe(to)
    }
  }).listen(0, '127.0.0.1')
  t.teardown(() => proxy.close())
  await once(proxy, 'listening')
  const { port } = proxy.address() as AddressInfo
  const watch = startWatch(t, etcdV3Store({ endpoint: etcdEndpoint(`http://127.0.0.1:${port}`), ...OFTEN }))
  await watch?.until(() => watch.states.includes('gap'))
  t.match(watch?.details[1], /has fallen behind/)
})

t.test('what a member fails that has no majority is asked of the next', async (t) => {
  const [alone, healthy] = await Promise.all([startHub(t), startHub(t)])
  const url = `${new URL(alone.url).origin},${new URL(healthy.url).origin}/v2/keys/jti`
  const client = createHttpClient({})
  t.teardown(() => client.destroy())
  alone.answer(json({ errorCode: 300, message: 'Raft Internal Error' }, 500))
  healthy.answer((response, request) => {
    if (request.method === 'PUT') return json({}, 201)(response, request)
    const isThere = request.url?.startsWith('/v2/keys/jti/?') === true
    json(isThere ? { node: { dir: true, nodes: [{ key: '/jti/a' }] } } : { errorCode: 100 }, isThere ? 200 : 404)(
      response,
      request,
    )
  })
  const store = () => etcdV2Store({ endpoint: etcdEndpoint(url), client })
  t.strictSame(await idsOf(store()), ['a'])
  await store().put?.(token('b', undefined))
  t.ok(healthy.requests.some(({ method }) => method === 'PUT'))
})

t.test('a poll that comes to a member behind the one that is read is a gap', async (t) => {
  let index = 7
  const server = await startHub(t)
  server.answer((response, { url = '' }) => {
    const isRead = url.includes('quorum=true')
    const headers = { 'x-etcd-index': String(isRead ? 7 : index) }
    if (isRead) response.writeHead(404, headers).end('{"errorCode":100}')
    else response.writeHead(200, headers).flushHeaders()
    if (!isRead) index = 6 // the next poll comes to another member
  })
  const client = createHttpClient({})
  t.teardown(() => client.destroy())
  const endpoint = etcdEndpoint(`${new URL(server.url).origin}/v2/keys/jti`)
  const watch = startWatch(t, etcdV2Store({ endpoint, client, confirmEvery: NEVER, pollTimeout: 100 }))
  await watch?.until(() => watch.states.includes('failed') || watch.states.includes('gap'))
  t.match(watch?.details.at(-1), /has fallen behind/)
})

/** The others may have to elect a leader first. */
async function revokeSoon(revoke: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      return void (await revoke())
    } catch {}
  }
}

function v3({ urls }: EtcdCluster, settings: { confirmEvery: number; timeout?: number }): PersistentStore {
  return etcdV3Store({ endpoint: etcdEndpoint(`${urls.join()}/v3/keys/jti`), ...settings })
}

function v2(t: Test, { urls }: EtcdCluster, settings: { confirmEvery: number; timeout: number }): PersistentStore {
  const client = createHttpClient({})
  t.teardown(() => client.destroy())
  return etcdV2Store({ endpoint: etcdEndpoint(`${urls.join()}/v2/keys/jti`), client, ...settings })
}
