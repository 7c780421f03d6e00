// Catching up with etcd after a restart: what was revoked meanwhile comes, or it is said that only a listing will do.
import t, { type Test } from 'tap'
import type { JSONValue } from '../../../../src/revocation/record.js'
import { etcdEndpoint } from '../../../../src/sources/persistent/etcd/endpoint.js'
import { readPosition } from '../../../../src/sources/persistent/etcd-v3/position.js'
import { etcdV3Store } from '../../../../src/sources/persistent/etcd-v3/store.js'
import { type PersistentStore, PositionLost } from '../../../../src/sources/source.js'
import { type EtcdServer, etcdMissing, startEtcd } from '../../../services/etcd.js'
import { failure, idsOf, listed, startWatch } from '../contract.js'

const skip = etcdMissing()

t.test('what was revoked since the position comes, and little else', { skip }, async (t) => {
  const etcd = await startEtcd(t)
  const old = Array.from({ length: 300 }, (_, n) => `old-${n}`)
  await putMany(t, etcd, old)
  const position = await positionOf(t, etcd)
  t.notMatch(JSON.stringify(position), /old-299/, 'it names no token')
  await putMany(t, etcd, ['new-1', 'new-2'])
  await etcd.ctl(3, 'put', 'jti/old-7', 'put again')
  await etcd.ctl(3, 'put', 'jti-records/subject/alice', '{"revokedBefore":1628175421481}')
  await etcd.ctl(3, 'del', 'jti/old-8')
  const found = await caughtUp(t, etcd, position)
  for (const id of ['new-1', 'new-2', 'old-7', 'alice']) t.ok(found.includes(id), id)
  t.ok(found.length <= 5, 'and the newest of the old ones, by which the store is recognised')
  t.match(await etcd.ctl(3, 'get', 'jti/'), /no token/, 'what was put to see the end of the history')
  const sibling = storeOf(t, etcd.url)
  const watch = startWatch(t, sibling)
  await watch?.until(() => watch.states.includes('live'))
  t.notOk((await idsOf(sibling)).includes(''), 'is no token')
  await caughtUp(t, etcd, position)
  await etcd.ctl(3, 'put', 'jti/behind-the-mark', 'true')
  await watch?.until(() => watch.ids.has('behind-the-mark'))
  t.strictSame(Object.keys(sibling.malformed?.()?.malformed ?? {}), [], 'and nothing unreadable either')
  const many = Array.from({ length: 5_000 }, (_, n) => `later-${n}`)
  await putMany(t, etcd, many)
  const all = new Set(await caughtUp(t, etcd, position))
  t.strictSame(
    many.filter((id) => !all.has(id)),
    [],
    'more than a page',
  )
})

t.test('a position that is lost throws PositionLost', { skip }, async (t) => {
  const etcd = await startEtcd(t)
  t.equal(await positionOf(t, etcd), null, 'an empty store has nothing to be recognised by')
  await putMany(t, etcd, ['a', 'b'])
  const position = await positionOf(t, etcd)
  const lost = (at: JSONValue) => failure(caughtUp(t, etcd, at))
  t.ok(readPosition(position))
  for (const wrong of [
    null,
    'x',
    {},
    { ...(position as object), cluster: '1' },
    { ...(position as object), revision: 99 },
  ]) {
    t.match(await lost(wrong), { code: 'ERR_STORE_POSITION_LOST' }, JSON.stringify(wrong)?.slice(0, 40))
  }
  const other = storeOf(t, `${etcd.url}/v3/keys/other/`)
  t.match(await failure(collect(other, position)), { code: 'ERR_STORE_POSITION_LOST' }, 'another prefix')
  await putMany(t, etcd, ['a', 'b'])
  t.strictSame(new Set(await caughtUp(t, etcd, position)), new Set(['a', 'b']), 'the history tells')
  await etcd.ctl(3, 'compact', String((await header(etcd)).revision))
  t.match(await lost(position), { code: 'ERR_STORE_POSITION_LOST' }, 'without it nothing is as it was then')
  await etcd.restart('lost')
  await putMany(t, etcd, ['c', 'd', 'e', 'f'])
  t.match(await lost(position), { code: 'ERR_STORE_POSITION_LOST' }, 'an etcd that has lost its data')
  await etcd.kill()
  const unreachable = await failure(caughtUp(t, etcd, position))
  t.match(unreachable, { code: 'ERR_STORE_UNREACHABLE' })
  t.notOk(unreachable instanceof PositionLost, 'an etcd that is away tells nothing')
})

t.test('history that etcd has compacted away is replaced by a scan', { skip }, async (t) => {
  const etcd = await startEtcd(t)
  await putMany(t, etcd, ['a'])
  const position = await positionOf(t, etcd)
  await putMany(t, etcd, ['b', 'c'])
  const { revision } = await header(etcd)
  await etcd.ctl(3, 'compact', String(revision))
  t.strictSame((await caughtUp(t, etcd, position)).sort(), ['a', 'b', 'c'])
})

// It keeps its cluster's id, and once it has overtaken the position a watch from there would be silent about most of it.
t.test('of an etcd that was restored from a snapshot nothing is missed, or it is listed', { skip }, async (t) => {
  const etcd = await startEtcd(t)
  await putMany(t, etcd, ['a', 'b', 'c'])
  const snapshot = await etcd.snapshot()
  await putMany(t, etcd, ['d', 'e', 'f', 'g', 'h'])
  const [near, { cluster_id, revision }] = [await positionOf(t, etcd), await header(etcd)]
  const lost = Array.from({ length: 40 }, (_, n) => `lost-${n}`)
  await putMany(t, etcd, lost)
  const far = await positionOf(t, etcd)
  await etcd.restore(snapshot)
  const eight = Array.from({ length: 8 }, (_, n) => `after-the-loss-${n}`)
  await putMany(t, etcd, eight)
  const now = await header(etcd)
  t.equal(now.cluster_id, cluster_id)
  t.ok(now.revision > revision, 'it has overtaken the position')
  const missed = (found: readonly string[]) => eight.filter((id) => !found.includes(id))
  t.match(await failure(caughtUp(t, etcd, near)), { code: 'ERR_STORE_POSITION_LOST' }, 'its history is another')
  await etcd.ctl(3, 'compact', String(now.revision))
  t.strictSame(missed(await caughtUp(t, etcd, near)), [], 'some of the keys that were the newest are still there')

  await putMany(t, etcd, ['x'].concat(lost.map((id) => `other than ${id}`)))
  t.match(await failure(caughtUp(t, etcd, far)), { code: 'ERR_STORE_POSITION_LOST' }, 'none is')
  t.strictSame(missed(await idsOf(storeOf(t, etcd.url))), [], 'the listing that follows has them')
})

// Gateways that start after a restore put their marks where others stood before it: by a mark no history is recognised.
t.test('the mark of another gateway does not make a restored etcd the one that was read', { skip }, async (t) => {
  const etcd = await startEtcd(t)
  await putMany(t, etcd, ['a'])
  const [snapshot, before] = [await etcd.snapshot(), await positionOf(t, etcd)]
  await putMany(t, etcd, ['lost'])
  await caughtUp(t, etcd, before)
  const position = await positionOf(t, etcd)
  await etcd.restore(snapshot)
  await putMany(t, etcd, ['revoked-after-the-loss'])
  await caughtUp(t, etcd, before)
  t.match(await failure(caughtUp(t, etcd, position)), { code: 'ERR_STORE_POSITION_LOST' })
})

t.test('of an etcd restored from a snapshot that has all of the position nothing is missed', { skip }, async (t) => {
  const etcd = await startEtcd(t)
  await putMany(t, etcd, ['a', 'b', 'c'])
  const snapshot = await etcd.snapshot()
  for (let n = 0; n < 5; n++) await etcd.ctl(3, 'put', 'other/key', String(n))
  const position = await positionOf(t, etcd)
  const { revision } = await header(etcd)
  await etcd.restore(snapshot)
  const eight = Array.from({ length: 8 }, (_, n) => `after-the-loss-${n}`)
  await putMany(t, etcd, eight)
  const now = await header(etcd)
  t.ok(now.revision > revision && now.revision - eight.length < revision, 'some of them came before the position')
  const found = await caughtUp(t, etcd, position)
  t.strictSame(
    eight.filter((id) => !found.includes(id)),
    [],
  )
})

t.test('a user who may read the tokens only is caught up with those', { skip }, async (t) => {
  const etcd = await startEtcd(t, { args: ['--bcrypt-cost', '4'] })
  const { Secret } = await import('../../../../src/config/secret.js')
  await etcd.ctl(3, 'put', 'jti/one', 'true')
  await etcd.enableAuth('mgw', 'jti/')
  const store = etcdV3Store({ endpoint: etcdEndpoint(etcd.url), username: 'mgw', password: new Secret('pw') })
  t.teardown(() => store.close?.())
  await listed(store)
  await etcd.ctl(3, '--user', 'root:pw', 'put', 'jti/two', 'true')
  t.strictSame((await collect(store, store.position?.() ?? null)).sort(), ['one', 'two'])
})

t.test('a user who may not write is caught up with, too', { skip }, async (t) => {
  const etcd = await startEtcd(t, { args: ['--bcrypt-cost', '4'] })
  const { Secret } = await import('../../../../src/config/secret.js')
  await etcd.ctl(3, 'put', 'jti/one', 'true')
  await etcd.enableAuth('mgw')
  const root = ['--user', 'root:pw']
  await etcd.ctl(3, ...root, 'role', 'grant-permission', 'revocations', '--prefix=true', 'read', 'jti')
  const store = etcdV3Store({ endpoint: etcdEndpoint(etcd.url), username: 'mgw', password: new Secret('pw') })
  t.teardown(() => store.close?.())
  await listed(store)
  await etcd.ctl(3, ...root, 'put', 'jti/two', 'true')
  t.strictSame([...new Set(await collect(store, store.position?.() ?? null))].sort(), ['one', 'two'])
  t.equal(await etcd.ctl(3, ...root, 'get', 'jti/'), '')
})

function storeOf(t: Test, url: string): PersistentStore {
  const store = etcdV3Store({ endpoint: etcdEndpoint(url) })
  t.teardown(() => store.close?.())
  return store
}

/** What a gateway's journal would have, as JSON; null if nothing. */
async function positionOf(t: Test, etcd: EtcdServer): Promise<JSONValue> {
  const store = storeOf(t, etcd.url)
  await listed(store)
  return JSON.parse(JSON.stringify(store.position?.() ?? null)) as JSONValue
}

function caughtUp(t: Test, etcd: EtcdServer, position: JSONValue): Promise<string[]> {
  return collect(storeOf(t, etcd.url), position)
}

async function collect(store: PersistentStore, position: JSONValue): Promise<string[]> {
  const ids: string[] = []
  let heard = 0
  const records = store.catchUp?.(position, () => heard++, new AbortController().signal) ?? []
  for await (const { id } of records) ids.push(id ?? '')
  if (heard === 0) throw new Error('it did not say that the store answers')
  return ids
}

async function putMany(t: Test, etcd: EtcdServer, ids: readonly string[]): Promise<void> {
  const { Etcd3 } = await import('etcd3')
  const client = new Etcd3({ hosts: etcd.url })
  t.teardown(() => client.close())
  for (let at = 0; at < ids.length; at += 200) {
    await Promise.all(ids.slice(at, at + 200).map((id) => client.put(`jti/${id}`).value('true')))
  }
}

async function header(etcd: EtcdServer): Promise<{ revision: number; cluster_id: number }> {
  const [answer] = JSON.parse(await etcd.ctl(3, 'endpoint', 'status', '-w', 'json'))
  return answer.Status.header
}
