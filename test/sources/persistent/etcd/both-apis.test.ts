// etcd's v3 API with its v2 API beside it: an answer of one that is empty says nothing of the other.
import t, { type Test } from 'tap'
import { Secret } from '../../../../src/config/secret.js'
import { createHttpClient } from '../../../../src/http-client/index.js'
import { createLogging } from '../../../../src/logging/index.js'
import { etcdEndpoint } from '../../../../src/sources/persistent/etcd/endpoint.js'
import { readRootToken } from '../../../../src/sources/persistent/etcd/records.js'
import { EtcdV2AlongsideV3 } from '../../../../src/sources/persistent/etcd-v2/alongside-v3.js'
import { etcdV2Store } from '../../../../src/sources/persistent/etcd-v2/store.js'
import { etcdV3Store } from '../../../../src/sources/persistent/etcd-v3/store.js'
import type { PersistentStore } from '../../../../src/sources/source.js'
import { etcdMissing, startEtcd } from '../../../services/etcd.js'
import { json, startHub, text } from '../../../services/event-hub.js'
import { failure, idsOf, listed, startWatch } from '../contract.js'

const skip = etcdMissing()
const UUID = '3ad5672a-afca-4387-9ec5-fcf28785f803'

t.test('keys of both APIs are listed and watched, whichever came first', { skip }, async (t) => {
  const etcd = await startEtcd(t)
  const { store, lines } = both(t, etcd.url)
  const watch = startWatch(t, store)
  await watch?.until(() => watch.states.includes('live'))
  t.strictSame(await listed(store), [])
  t.match(lines.splice(0), [/no keys under jti\//], 'a prefix that does not exist is named')
  t.strictSame(await listed(store), [])
  t.strictSame(lines, [], 'and that once')

  await etcd.ctl(3, 'put', 'jti/by-v3', '3600')
  await etcd.ctl(2, 'set', 'jti/by-v2', '3600')
  await etcd.ctl(2, 'set', UUID, '3600')
  t.strictSame(await idsOf(store), [UUID, 'by-v2', 'by-v3'])
  const again = () => (watch?.states.length ?? 0) > 1 && watch?.states.at(-1) === 'live'
  await watch?.until(again)
  for (const id of ['live in the directory', 'live-in-the-root-1']) {
    await etcd.ctl(2, 'set', id.includes(' ') ? `jti/${id}` : id, '3600')
  }
  await etcd.ctl(2, 'set', 'jti-records/subject/alice', '{"revokedBefore":1628175421481}')
  await etcd.ctl(3, 'put', 'jti/live by v3', '3600')
  await watch?.until(() =>
    ['live in the directory', 'live-in-the-root-1', 'alice', 'live by v3'].every((id) => watch.ids.has(id)),
  )
  const delivered = watch?.records.map(({ id }) => id) ?? []
  t.equal(delivered.length, new Set(delivered).size, 'each of them once')
})

t.test("a shared etcd's other keys are not taken for tokens", { skip }, async (t) => {
  const etcd = await startEtcd(t)
  const { store } = both(t, etcd.url)
  await etcd.ctl(2, 'set', 'message', 'Hello world')
  await etcd.ctl(2, 'set', `other/${UUID}`, '3600')
  t.strictSame(await listed(store), [])
  await etcd.ctl(2, 'set', UUID, '3600')
  t.strictSame(await idsOf(store), [UUID])

  const cases: [string, string, boolean][] = [
    [UUID, 'whatever it says', true],
    ['short', '3600', true],
    ['short', 'true', true],
    ['short', '{"expiresAt":4102444800000}', true],
    ['config', 'verbose', false],
    ['leader', '', false],
    ['a-name-of-many-words-and-no-digit', 'up', false],
    [`other/${UUID}`, '3600', false],
    ['', '3600', false],
  ]
  for (const [id, value, isToken] of cases)
    t.equal(readRootToken(id, value, 0) !== undefined, isToken, `${id}: ${value}`)
})

t.test('what v2 refuses is a warning with its remedy; once v2 held tokens, the listing fails', { skip }, async (t) => {
  const etcd = await startEtcd(t)
  await etcd.ctl(3, 'put', 'jti/by-v3', '3600')
  await etcd.ctl(2, 'set', 'jti/by-v2', '3600')
  await etcd.enableAuthV2('mgw', '/jti', '/jti/*')
  const refused = both(t, etcd.url, 'nobody')
  t.strictSame(await idsOf(refused.store), ['by-v3'])
  t.match(refused.lines.join(), /v2 API.*etcdctl user add/)
  const { length } = refused.lines
  await listed(refused.store)
  t.equal(refused.lines.length, length, 'once')

  const { store, lines } = both(t, etcd.url, 'mgw')
  const watch = startWatch(t, store)
  t.strictSame(await idsOf(store), ['by-v2', 'by-v3'])
  t.match(lines.join(), /grant it read access to \/\*/, 'the root is out of reach')
  await watch?.until(() => watch.states.at(-1) === 'live')
  await etcd.ctl(2, '-u', 'root:pw', 'set', 'jti/live', '3600')
  await watch?.until(() => watch.ids.has('live'))

  await etcd.ctl(2, '-u', 'root:pw', 'user', 'remove', 'mgw')
  t.match(await failure(listed(store)), { code: 'ERR_STORE_CREDENTIALS' }, 'what held tokens is not empty')
  t.notMatch([...lines, ...refused.lines].join(), /pw"|by-v2/)
})

t.test('a v2 API that is off is not warned of; one that was in use and is gone is', { skip }, async (t) => {
  const etcd = await startEtcd(t, { args: ['--enable-v2=false'] })
  await etcd.ctl(3, 'put', 'jti/by-v3', '3600')
  const { store, lines } = both(t, etcd.url)
  t.strictSame(await idsOf(store), ['by-v3'])
  t.strictSame(lines, [])
  const before = both(t, etcd.url, '', true)
  t.strictSame(await idsOf(before.store), ['by-v3'])
  t.match(before.lines, [/v2 API is gone/])
})

t.test('a v2 API that fails is a warning, and fails the listing if it was in use', { skip }, async (t) => {
  const etcd = await startEtcd(t)
  await etcd.ctl(3, 'put', 'jti/by-v3', '3600')
  const v2 = await startHub(t) // any web server will do
  v2.answer(text('<html>', 503))
  const unused = both(t, etcd.url, '', false, v2.url)
  t.strictSame(await idsOf(unused.store), ['by-v3'])
  t.match(unused.lines, [/v2 API cannot be read/])
  const used = both(t, etcd.url, '', true, v2.url)
  t.match(await failure(listed(used.store)), { code: 'ERR_STORE_STATUS' })

  v2.answer((response, request) => {
    const nodes = [{ key: '/jti', dir: true }]
    if (request.url?.startsWith('/v2/keys/?')) json({ node: { dir: true, nodes } })(response, request)
    else text('', 503)(response, request)
  })
  t.match(await failure(listed(unused.store)), { code: 'ERR_STORE_STATUS' }, 'the directory is there, and not read')
})

/** @param inUse as an earlier run has noted */
function both(t: Test, url: string, username = '', inUse = false, v2Url = url) {
  const lines: string[] = []
  const logging = createLogging({ level: 'warn', format: 'json', stream: { write: (line) => lines.push(line) } })
  const client = createHttpClient()
  t.teardown(() => client.destroy())
  const login = { username, password: new Secret('pw') }
  const v2 = etcdV2Store({ ...login, endpoint: etcdEndpoint(new URL(v2Url).origin), client, root: true, logging })
  const beside = new EtcdV2AlongsideV3(v2, logging('TokenRevocation'))
  if (inUse) beside.look(new AbortController().signal, inUse)
  const store: PersistentStore = etcdV3Store({ endpoint: etcdEndpoint(`${url}/v3/keys/jti/`), v2: beside, logging })
  t.teardown(() => store.close?.())
  return { store, lines }
}
