import { generate } from 'selfsigned'
import t from 'tap'
import { Secret } from '../../../../src/config/secret.js'
import { createLogging } from '../../../../src/logging/index.js'
import { etcdEndpoint } from '../../../../src/sources/persistent/etcd/endpoint.js'
import { type EtcdV3Options, etcdV3Store } from '../../../../src/sources/persistent/etcd-v3/store.js'
import type { PersistentStore } from '../../../../src/sources/source.js'
import { type EtcdServer, etcdMissing, startEtcd } from '../../../services/etcd.js'
import { failure, idsOf, listed, startWatch, testContract, token } from '../contract.js'

const skip = etcdMissing()

t.test('the contract of every store', { skip }, async (t) => {
  const etcd = await startEtcd(t)
  let prefixes = 0
  testContract(t, async () => {
    const prefix = `p${prefixes++}`
    return {
      store: storeOf(`${etcd.url}/v3/keys/${prefix}/`),
      revoke: async (id) => void (await etcd.ctl(3, 'put', '--', `${prefix}/${id}`, 'true')),
      remove: async (id) => void (await etcd.ctl(3, 'del', '--', `${prefix}/${id}`)),
    }
  })
})

t.test('a listing says how many keys there are before it has read them', { skip }, async (t) => {
  const etcd = await startEtcd(t)
  for (let i = 0; i < 300; i++) await etcd.ctl(3, 'put', `jti/${i}`, 'true')
  await etcd.ctl(3, 'put', 'jti-records/subject/alice', '{"revokedBefore":1628175421481}')
  const said: number[] = []
  const expects = (records: number) => void said.push(records)
  const context = { expects, unchanged: () => undefined, mark: () => undefined }
  let read = 0
  for await (const _ of storeOf(etcd.url).list(new AbortController().signal, context)) {
    if (read++ === 0) t.equal(said[0], 300, 'at the first record')
  }
  t.equal(read, 301)
  t.equal(said.at(-1), 301)
})

t.test(
  "keys of the seed's commands in their v3 form are listed; what else is in the store is left out",
  { skip },
  async (t) => {
    const etcd = await startEtcd(t)
    await etcd.ctl(3, 'put', 'jti/3ad5672a-afca-4387-9ec5-fcf28785f803', '3600')
    await etcd.ctl(3, 'put', 'jti/', 'no id')
    await etcd.ctl(3, 'put', 'jti', 'not below')
    await etcd.ctl(3, 'put', 'jtix/other', 'not below')
    await etcd.ctl(3, 'put', 'jti-records/subject/alice', '{"revokedBefore":1628175421481}')
    await etcd.ctl(3, 'put', 'jti-records/planet/mars', '{"revokedBefore":1628175421481}')
    await etcd.ctl(3, 'put', 'jti-records/subject/%zz', '{"revokedBefore":1628175421481}')
    await etcd.ctl(3, 'put', 'jti-records/subject/timeless', '{}')
    await etcd.ctl(3, 'put', 'jti/json', '{"expiresAt":"4102444800000"}')
    await etcd.ctl(3, 'put', 'jti/broken', '{"expiresAt":')
    for (const url of [`${etcd.url}/v3/keys/jti/`, `${etcd.url}/v3/keys/jti`, etcd.url]) {
      const store = storeOf(url)
      t.strictSame(await listed(store), [
        token('3ad5672a-afca-4387-9ec5-fcf28785f803', undefined),
        token('broken', undefined),
        token('json', 4_102_444_800_000),
        { kind: 'subject', id: 'alice', revokedBefore: 1_628_175_421_481, expiresAt: undefined },
      ])
      t.strictSame(store.malformed?.(), {
        malformed: { 'bad-key': 1, 'bad-record': 3 },
        malformedAt: { 'bad-key': 'key 0 of tokens', 'bad-record': 'key 0 of records' },
      })
    }
    const store = storeOf(etcd.url)
    const watch = startWatch(t, store)
    await watch?.until(() => watch.states.includes('live'))
    await etcd.ctl(3, 'put', 'jti-records/planet/venus', '{}')
    await etcd.ctl(3, 'put', 'jti/after', 'true')
    await watch?.until(() => watch.ids.has('after'))
    t.match(store.malformed?.(), { malformed: { 'bad-record': 1 } }, 'what a watch brings is counted, too')
    await listed(store)
    t.match(store.malformed?.(), { malformed: { 'bad-key': 1, 'bad-record': 4 } }, 'once')
  },
)

t.test(
  'a put key outlives every use of its token, and one that somebody keeps for ever stays so',
  { skip },
  async (t) => {
    const etcd = await startEtcd(t)
    const store = storeOf(etcd.url)
    await etcd.ctl(3, 'put', 'jti/for-ever', 'true')
    await store.put?.(token('for-ever', Date.now() + 60_000))
    await store.put?.(token('hour', Date.now() + 3_600_000))
    await store.put?.(token('unknown', undefined))
    await store.put?.(token('long dead', Date.now() - 7_200_000))
    const lives = await Promise.all(['for-ever', 'hour', 'unknown', 'long dead'].map((id) => secondsLeft(etcd, id)))
    t.equal(lives[0], Number.POSITIVE_INFINITY)
    t.ok(Number(lives[1]) > 3_600 + 3_600 && Number(lives[1]) <= 7_500, 'longer than the largest timestampSkew')
    t.ok(Number(lives[2]) > 29 * 86_400, 'retention')
    t.ok(Number(lives[3]) > 29 * 86_400, 'retention: the clock may be ahead')
  },
)

t.test('a login: needed, refused, for some of the keys only, and lost with a restart', { skip }, async (t) => {
  const etcd = await startEtcd(t, { args: ['--bcrypt-cost', '4'] })
  await etcd.ctl(3, 'put', 'jti/one', 'true')
  await etcd.enableAuth('mgw', 'jti/')
  const lines: string[] = []
  const logging = createLogging({ level: 'debug', format: 'json', stream: { write: (line) => lines.push(line) } })
  const login = { username: 'mgw', password: new Secret('pw'), logging }
  const store = storeOf(etcd.url, login)
  t.strictSame(await idsOf(store), ['one'])
  t.equal(lines.length, 1)
  t.match(lines[0], /may not read jti-records\//, 'rules are out of reach: said once')
  const watch = startWatch(t, store)
  await watch?.until(() => watch.states.includes('live'))

  const refused = { code: 'ERR_STORE_CREDENTIALS' }
  const rejected = {
    ...refused,
    message: /rejected the user name or password: correct tokenRevocationConfig\.persistent\.username and password/,
  }
  t.match(await failure(listed(storeOf(etcd.url))), refused)
  t.match(await failure(listed(storeOf(etcd.url, { ...login, password: new Secret('wr0ng') }))), rejected)
  t.match(await failure(listed(storeOf(etcd.url, { ...login, username: 'nobody' }))), rejected)
  t.match(await failure(listed(storeOf(`${etcd.url}/v3/keys/other`, login))), refused)
  const rule = { kind: 'subject', id: 'alice', revokedBefore: Date.now(), expiresAt: undefined } as const
  t.match(await failure(store.put?.(rule) ?? Promise.resolve()), refused)

  await etcd.restart() // its simple tokens are in memory
  await watch?.until(() => watch.states.length > 1 && watch.states.at(-1) === 'live')
  t.strictSame(watch?.states.slice(0, 3), ['live', 'gap', 'live'])
  await store.put?.(token('two', undefined))
  await watch?.until(() => watch.ids.has('two'))
  t.strictSame(await idsOf(store), ['one', 'two'])
  t.notMatch(lines.join(), /wr0ng|pw"/)
})

t.test('a put that etcd refuses leaves no lease behind', { skip }, async (t) => {
  const etcd = await startEtcd(t, { args: ['--bcrypt-cost', '4'] })
  await etcd.enableAuth('mgw', 'jti/')
  // Readable, so that the put gets as far as writing.
  const root = ['--user', 'root:pw']
  await etcd.ctl(3, ...root, 'role', 'grant-permission', 'revocations', '--prefix=true', 'read', 'jti-records/')
  const store = storeOf(etcd.url, { username: 'mgw', password: new Secret('pw') })
  const rule = { kind: 'subject', id: 'alice', revokedBefore: Date.now(), expiresAt: undefined } as const
  const leases = async () =>
    (await etcd.ctl(3, ...root, 'lease', 'list', '-w', 'json')).match(/"ID"|"id"/g)?.length ?? 0
  for (let i = 0; i < 3; i++) {
    t.match(await failure(store.put?.(rule) ?? Promise.resolve()), { code: 'ERR_STORE_CREDENTIALS' })
  }
  t.equal(await leases(), 0)
  await store.put?.(token('one', undefined))
  t.equal(await leases(), 1)
})

t.test('a user name against an etcd without authentication is a warning', { skip }, async (t) => {
  const etcd = await startEtcd(t)
  await etcd.ctl(3, 'put', 'jti/one', 'true')
  const lines: string[] = []
  const logging = createLogging({ level: 'debug', format: 'json', stream: { write: (line) => lines.push(line) } })
  const store = storeOf(etcd.url, { username: 'mgw', password: new Secret('pw'), logging })
  const watch = startWatch(t, store)
  await watch?.until(() => watch.states.includes('live'))
  t.strictSame(await idsOf(store), ['one'])
  t.equal(lines.length, 1)
  t.match(lines[0], /authentication is disabled/)

  await etcd.enableAuth('mgw', 'jti/', 'jti-records/')
  await store.put?.(token('now with a login', undefined))
  t.strictSame(await idsOf(store), ['now with a login', 'one'], 'turned on later, the name is used after all')
})

t.test('TLS: a private authority, the name, and a client certificate', { skip }, async (t) => {
  const attributes = [{ name: 'commonName', value: 'client' }]
  const extensions = [{ name: 'subjectAltName' as const, altNames: [{ type: 7 as const, ip: '127.0.0.1' }] }]
  const server = await generate([{ name: 'commonName', value: 'etcd' }], { extensions })
  const client = await generate(attributes, { clientCertificate: false, extensions: [] })
  const etcd = await startEtcd(t, { tls: { cert: server.cert, key: server.private } })
  await etcd.ctl(3, 'put', 'jti/one', 'true')
  t.strictSame(await idsOf(storeOf(etcd.url, { ca: [server.cert] })), ['one'])
  const wrong: [url: string, message: RegExp][] = [
    [etcd.url, /not from a trusted authority: name .* in tokenRevocationConfig\.persistent\.caFile$/],
    [etcd.url.replace('https', 'http'), /speaks TLS at this port: write https:\/\/ in .*persistent\.endpointURL/],
    [(await startEtcd(t)).url.replace('http', 'https'), /does not speak TLS, write http:\/\/ in .*endpointURL/],
  ]
  for (const [url, message] of wrong) {
    t.match(await failure(listed(storeOf(url))), { code: 'ERR_STORE_UNREACHABLE', message })
  }
  const byName = etcd.url.replace('127.0.0.1', 'localhost')
  t.match(
    await failure(listed(storeOf(byName, { ca: [server.cert] }))),
    { code: 'ERR_STORE_UNREACHABLE' },
    'another name',
  )

  const strict = await startEtcd(t, { tls: { cert: server.cert, key: server.private, clientCa: client.cert } })
  const own = { ca: [server.cert], cert: client.cert, key: client.private }
  t.strictSame(await idsOf(storeOf(strict.url, own)), [])
  t.match(await failure(listed(storeOf(strict.url, { ca: [server.cert] }))), { code: 'ERR_STORE_UNREACHABLE' })
})

t.test('SIGKILL: listings fail; the watch says that there is a gap, and then that it is live', { skip }, async (t) => {
  const etcd = await startEtcd(t)
  const store = storeOf(etcd.url)
  const watch = startWatch(t, store)
  await watch?.until(() => watch.states.includes('live'))
  await etcd.kill()
  await watch?.until(() => watch.states.includes('gap'))
  t.match(await failure(listed(store)), { code: 'ERR_STORE_UNREACHABLE' })
  await etcd.restart()
  await etcd.ctl(3, 'put', 'jti/meanwhile', 'true')
  await watch?.until(() => watch.states.at(-1) === 'live')
  t.strictSame(watch?.states.slice(0, 3), ['live', 'gap', 'live'])
  await watch?.until(() => watch.ids.has('meanwhile'))
  t.strictSame(await idsOf(store), ['meanwhile'])
})

t.test('SIGSTOP: a frozen server is noticed in bounded time, by calls and by the watch', { skip }, async (t) => {
  const etcd = await startEtcd(t, { args: ['--grpc-keepalive-min-time', '100ms'] })
  const store = storeOf(etcd.url, { timeout: 500, keepAlive: 500 })
  const watch = startWatch(t, store)
  await watch?.until(() => watch.states.includes('live'))
  etcd.freeze()
  const began = Date.now()
  t.match(await failure(listed(store)), { code: 'ERR_STORE_UNREACHABLE' })
  await watch?.until(() => watch.states.includes('gap'))
  t.ok(Date.now() - began < 20_000)
  etcd.thaw()
  await watch?.until(() => watch.states.at(-1) === 'live')
  await etcd.ctl(3, 'put', 'jti/after', 'true')
  await watch?.until(() => watch.ids.has('after'))
})

t.test(
  'a watch that was away for longer than etcd remembers begins at the present, and asks for a listing',
  { skip },
  async (t) => {
    const etcd = await startEtcd(t)
    const store = storeOf(etcd.url)
    await listed(store) // at the revision that is about to be compacted
    for (let n = 0; n < 3; n++) await etcd.ctl(3, 'put', `jti/old${n}`, 'true')
    const { revision } = await status(etcd)
    await etcd.ctl(3, 'compact', String(revision))
    const watch = startWatch(t, store)
    await watch?.until(() => watch.resyncs.length > 0 && watch.states.at(-1) === 'live')
    await etcd.ctl(3, 'put', 'jti/new', 'true')
    await watch?.until(() => watch.ids.has('new'))
  },
)

t.test('an etcd that has lost its data is watched from its new beginning', { skip }, async (t) => {
  const etcd = await startEtcd(t)
  const store = storeOf(etcd.url)
  for (let n = 0; n < 5; n++) await etcd.ctl(3, 'put', `jti/old${n}`, 'true')
  const watch = startWatch(t, store)
  await watch?.until(() => watch.states.includes('live'))
  await etcd.restart('lost')
  await watch?.until(() => watch.resyncs.some((reason) => /lost its data/.test(reason)))
  t.strictSame(await listed(store), [])
  await etcd.ctl(3, 'put', 'jti/new', 'true')
  await watch?.until(() => watch.ids.has('new'))
})

t.test(
  'a listing goes on when its revision is compacted away, and however long the values are',
  { skip },
  async (t) => {
    const etcd = await startEtcd(t)
    const { Etcd3 } = await import('etcd3')
    const client = new Etcd3({ hosts: etcd.url })
    t.teardown(() => client.close())
    const ids = Array.from({ length: 1000 }, (_, n) => `id${n}`)
    await Promise.all(ids.map((id) => client.put(`jti/${id}`).value('true')))
    const found: string[] = []
    for await (const { id } of storeOf(etcd.url).list(new AbortController().signal)) {
      if (found.length === 100) {
        await client.put('jti/zzz').value('true')
        await etcd.ctl(3, 'compact', String((await status(etcd)).revision))
      }
      found.push(id ?? '')
    }
    t.strictSame(found, [...ids.sort(), 'zzz'], 'each key once, a later one too')

    const large = Buffer.alloc(1024 * 1024, 'x')
    for (let n = 0; n < 12; n++) await client.put(`large/${n}`).value(large)
    t.equal((await listed(storeOf(`${etcd.url}/v3/keys/large`))).length, 12, 'together longer than any message may be')
  },
)

t.test('what a listing that went on at a newer revision had passed by is asked for', { skip }, async (t) => {
  const etcd = await startEtcd(t)
  const { Etcd3 } = await import('etcd3')
  const client = new Etcd3({ hosts: etcd.url })
  t.teardown(() => client.close())
  const ids = Array.from({ length: 1000 }, (_, n) => `id${n}`)
  await Promise.all(ids.map((id) => client.put(`jti/${id}`).value('true')))
  const store = storeOf(etcd.url)
  const found = new Set<string>()
  for await (const { id } of store.list(new AbortController().signal)) {
    if (found.size === 100) {
      for (const id of ['behind', 'also behind']) await client.put(`jti/${id}`).value('true')
      await etcd.ctl(3, 'compact', String((await status(etcd)).revision))
    }
    found.add(id ?? '')
  }
  t.equal(found.size, ids.length)
  t.notOk(found.has('behind'))
  const watch = startWatch(t, store) // which could not begin before
  await watch?.until(() => watch.resyncs.length > 0 && watch.states.at(-1) === 'live')
  t.ok((await idsOf(store)).includes('behind'))
})

t.test('of several servers one is enough', { skip }, async (t) => {
  const etcd = await startEtcd(t)
  await etcd.ctl(3, 'put', 'jti/one', 'true')
  const store = storeOf(`http://127.0.0.1:1,${etcd.url}/v3/keys/jti`)
  t.strictSame(await Promise.all([idsOf(store), idsOf(store), idsOf(store)]), [['one'], ['one'], ['one']])
  const watch = startWatch(t, store)
  await watch?.until(() => watch.states.includes('live'))
})

function storeOf(url: string, settings: Partial<EtcdV3Options> = {}): PersistentStore {
  return etcdV3Store({ endpoint: etcdEndpoint(url), ...settings })
}

async function status(etcd: EtcdServer): Promise<{ revision: number }> {
  const [answer] = JSON.parse(await etcd.ctl(3, 'endpoint', 'status', '-w', 'json'))
  return answer.Status.header
}

/** Seconds until etcd lets a key go: infinite without a lease, `undefined` if there is no such key. */
async function secondsLeft(etcd: EtcdServer, id: string): Promise<number | undefined> {
  const { kvs } = JSON.parse(await etcd.ctl(3, 'get', `jti/${id}`, '-w', 'json'))
  if (kvs === undefined) return undefined
  if (kvs[0].lease === undefined) return Number.POSITIVE_INFINITY
  const lease = BigInt((await etcd.ctl(3, 'get', `jti/${id}`, '-w', 'fields')).match(/"Lease" : (\d+)/)?.[1] ?? 0)
  const life = await etcd.ctl(3, 'lease', 'timetolive', lease.toString(16))
  return Number(/remaining\((\d+)s\)/.exec(life)?.[1])
}
