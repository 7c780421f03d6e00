import { generate } from 'selfsigned'
import t, { type Test } from 'tap'
import { Secret } from '../../../../src/config/secret.js'
import { createHttpClient, type HttpClientOptions } from '../../../../src/http-client/index.js'
import { createLogging } from '../../../../src/logging/index.js'
import { etcdEndpoint } from '../../../../src/sources/persistent/etcd/endpoint.js'
import { readListing } from '../../../../src/sources/persistent/etcd-v2/answer.js'
import { type EtcdV2Options, etcdV2Store } from '../../../../src/sources/persistent/etcd-v2/store.js'
import type { PersistentStore } from '../../../../src/sources/source.js'
import { type EtcdServer, etcdMissing, startEtcd } from '../../../services/etcd.js'
import { json, startHub, text } from '../../../services/event-hub.js'
import { failure, idsOf, listed, startWatch, testContract, token } from '../contract.js'

const skip = etcdMissing()

t.test('the contract of every store', { skip }, async (t) => {
  const etcd = await startEtcd(t)
  let prefixes = 0
  testContract(t, async (t) => {
    const prefix = `p${prefixes++}`
    return {
      store: storeOf(t, `${etcd.url}/v2/keys/${prefix}/`),
      revoke: (id) => setKey(etcd, `${prefix}/${id}`),
      remove: async (id) => void (await etcd.ctl(2, 'rm', `/${prefix}/${id}`)),
    }
  })
})

t.test("keys of the seed's commands are listed; what else is in the store is left out", { skip }, async (t) => {
  const etcd = await startEtcd(t)
  const store = storeOf(t, `${etcd.url}/v2/keys/jti/`)
  t.strictSame(await listed(store), [], 'no directory is an empty one')
  await etcd.ctl(2, 'mkdir', 'jti')
  t.strictSame(await listed(store), [])
  await etcd.ctl(2, 'set', 'jti/3ad5672a-afca-4387-9ec5-fcf28785f803', '3600')
  await etcd.ctl(2, 'set', 'jti/nested/deep/id', 'true')
  await etcd.ctl(2, 'set', 'jti/expires', 'true', '--ttl', '3600')
  await etcd.ctl(2, 'mkdir', 'jti/empty')
  await etcd.ctl(2, 'set', 'jtix/other', 'true')
  await etcd.ctl(2, 'set', 'jti-records/subject/alice', '{"revokedBefore":1628175421481}')
  await etcd.ctl(2, 'set', 'jti-records/planet/mars', '{"revokedBefore":1628175421481}')
  for (const path of ['/v2/keys/jti/', '/v2/keys/jti']) {
    const store = storeOf(t, etcd.url + path)
    const found = await listed(store)
    t.match(store.malformed?.(), {
      malformed: { 'bad-record': 1 },
      malformedAt: { 'bad-record': /^key \d of records$/ },
    })
    t.strictSame(
      found.sort((a, b) => String(a.id).localeCompare(String(b.id))),
      [
        token('3ad5672a-afca-4387-9ec5-fcf28785f803', undefined),
        { kind: 'subject', id: 'alice', revokedBefore: 1_628_175_421_481, expiresAt: undefined },
        token('expires', undefined),
        token('nested/deep/id', undefined),
      ],
    )
  }
  t.match(await failure(listed(storeOf(t, `${etcd.url}/v2/keys/jti/expires`))), { code: 'ERR_STORE_ANSWER' }, 'a key')
})

t.test('what WSO2 writes is seen live, and a directory in the way of an id is no hindrance', { skip }, async (t) => {
  const etcd = await startEtcd(t)
  const store = storeOf(t, `${etcd.url}/v2/keys/jti/`)
  const watch = startWatch(t, store)
  await watch?.until(() => watch.states.includes('live'))
  await setKey(etcd, 'jti/by-wso2', 'value=true&ttl=3600')
  await setKey(etcd, 'jti/a/b')
  await watch?.until(() => watch.ids.has('by-wso2') && watch.ids.has('a/b'))
  await store.put?.(token('a', undefined))
  await watch?.until(() => watch.ids.has('a'))
  t.strictSame(await idsOf(store), ['a', 'a/b', 'by-wso2'])
})

t.test(
  'a put key outlives every use of its token, and one that somebody keeps for ever stays so',
  { skip },
  async (t) => {
    const etcd = await startEtcd(t)
    const store = storeOf(t, `${etcd.url}/v2/keys/jti/`)
    await etcd.ctl(2, 'set', 'jti/for-ever', 'true')
    await setKey(etcd, 'jti/soon', 'value=true&ttl=60')
    await store.put?.(token('for-ever', Date.now() + 60_000))
    await store.put?.(token('soon', Date.now() + 3_600_000))
    await store.put?.(token('unknown', undefined))
    await store.put?.(token('long dead', Date.now() - 7_200_000))
    const year = Date.now() + 365 * 86_400_000
    for (const expiresAt of [year, undefined]) await store.put?.(token('year', expiresAt))
    for (const expiresAt of [undefined, Date.UTC(9999, 0)]) await store.put?.(token('millennia', expiresAt))
    for (const retention of [10_000, 60_000]) {
      await storeOf(t, `${etcd.url}/v2/keys/jti/`, { retention }).put?.(token('told again', undefined))
    }
    const ttl = async (id: string) => {
      const answer = (await (await fetch(`${etcd.url}/v2/keys/jti/${encodeURIComponent(id)}`)).json()) as {
        node?: { ttl?: number }
      }
      return answer.node?.ttl
    }
    const { put } = storeOf(t, `${etcd.url}/v2/keys/jti/`, { notAfter: () => Date.now() - 7_200_000 })
    await put?.(token('clock ahead', Date.now() + 3_600_000))
    t.ok(
      Number(await ttl('clock ahead')) > 3 * 3_600 + 3_600,
      'counted from a time that is not later than the real one',
    )
    t.equal(await ttl('for-ever'), undefined)
    const hour = Number(await ttl('soon'))
    t.ok(hour > 3_600 + 3_600 && hour <= 7_500, 'longer than the largest timestampSkew, whatever ttl it had')
    t.ok(Number(await ttl('unknown')) > 29 * 86_400, 'retention')
    t.ok(Number(await ttl('long dead')) > 29 * 86_400, 'retention: the clock may be ahead')
    t.ok(Number(await ttl('year')) > 364.9 * 86_400, 'an unknown end shortens nothing')
    t.equal(await ttl('millennia'), undefined, 'longer than etcd can count')
    t.ok(Number(await ttl('told again')) >= 59, 'retention begins again')
    t.strictSame(await idsOf(store), [
      'clock ahead',
      'for-ever',
      'long dead',
      'millennia',
      'soon',
      'told again',
      'unknown',
      'year',
    ])
  },
)

t.test('Basic authentication: needed, refused, and for some of the keys only', { skip }, async (t) => {
  const etcd = await startEtcd(t)
  const url = `${etcd.url}/v2/keys/jti`
  const lines: string[] = []
  const logging = createLogging({ level: 'debug', format: 'json', stream: { write: (line) => lines.push(line) } })
  const login = { username: 'mgw', password: new Secret('pw'), logging }
  t.strictSame(await listed(storeOf(t, url, login)), [], 'authentication off')
  t.match(lines.splice(0), [/authentication is disabled/])

  await etcd.ctl(2, 'set', 'jti/one', 'true')
  await etcd.enableAuthV2('mgw', '/jti', '/jti/*')
  const store = storeOf(t, url, login)
  t.strictSame(await idsOf(store), ['one'])
  const watch = startWatch(t, store)
  await watch?.until(() => watch.states.includes('live'))
  await store.put?.(token('two', undefined))
  await watch?.until(() => watch.ids.has('two'))
  t.match(lines, [/may not read jti-records\//], 'rules are out of reach: said once')

  const refused = {
    code: 'ERR_STORE_CREDENTIALS',
    message: /rejected the user name or password: correct tokenRevocationConfig\.persistent\.username and password/,
  }
  t.match(await failure(listed(storeOf(t, url))), refused)
  t.match(await failure(listed(storeOf(t, url, { ...login, password: new Secret('wr0ng') }))), refused)
  t.match(await failure(listed(storeOf(t, `${etcd.url}/v2/keys/other`, login))), refused)
  t.match(await failure(store.put?.(token('_hidden', undefined)) ?? Promise.resolve()), refused)
  t.notMatch(lines.join(), /wr0ng|pw"/)
})

t.test('TLS by a private authority, and several servers of which one is there', { skip }, async (t) => {
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'etcd' }], {
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] }],
  })
  const etcd = await startEtcd(t, { tls: { cert, key } })
  await etcd.ctl(2, 'set', 'jti/one', 'true')
  const url = `https://127.0.0.1:1,${etcd.url}/v2/keys/jti`
  const code = 'ERR_STORE_UNREACHABLE'
  const message = /not from a trusted authority: name .* in tokenRevocationConfig\.persistent\.caFile$/
  t.match(await failure(listed(storeOf(t, `${etcd.url}/v2/keys/jti`))), { code, message })
  const store = storeOf(t, url, {}, { ca: [cert] })
  t.strictSame(await idsOf(store), ['one'])
  const watch = startWatch(t, store)
  await watch?.until(() => watch.states.includes('live'))
})

t.test(
  'a URL of the wrong scheme, and one of an API that is not there, are answered by the right one',
  { skip },
  async (t) => {
    const { cert, private: key } = await generate([{ name: 'commonName', value: 'etcd' }], {
      extensions: [{ name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] }],
    })
    const secure = await startEtcd(t, { tls: { cert, key } })
    const plain = await startEtcd(t, { args: ['--enable-v2=false'] })
    const wrong: [url: string, message: RegExp][] = [
      [secure.url.replace('https', 'http'), /speaks TLS at this port: write https:\/\/ in .*persistent\.endpointURL/],
      [plain.url.replace('http', 'https'), /does not speak TLS, write http:\/\/ in .*persistent\.endpointURL/],
      [plain.url, new RegExp(`no v2 API \\(404 page not found\\): write "${plain.url}/v3/keys/jti/"`)],
    ]
    for (const [url, message] of wrong) {
      const store = storeOf(t, `${url}/v2/keys/jti`)
      t.match(await failure(listed(store)), { message })
      t.match(await failure(store.put?.(token('one', undefined)) ?? Promise.resolve()), { message }, 'a write')
    }
    const watch = startWatch(t, storeOf(t, `${plain.url}/v2/keys/jti`))
    await watch?.until(() => watch.states.includes('failed'))
  },
)

t.test('SIGKILL and SIGSTOP: the watch says that there is a gap, and then that it is live', { skip }, async (t) => {
  const etcd = await startEtcd(t)
  const store = storeOf(t, `${etcd.url}/v2/keys/jti`, { timeout: 500, pollTimeout: 500 })
  const watch = startWatch(t, store)
  await watch?.until(() => watch.states.includes('live'))
  await etcd.kill()
  await watch?.until(() => watch.states.includes('gap'))
  t.match(await failure(listed(store)), { code: 'ERR_STORE_UNREACHABLE' })
  await etcd.restart()
  await watch?.until(() => watch.states.at(-1) === 'live')
  await setKey(etcd, 'jti/after-kill')
  await watch?.until(() => watch.ids.has('after-kill'))
  t.strictSame(watch?.states.slice(0, 3), ['live', 'gap', 'live'])

  const states = watch?.states.length ?? 0
  etcd.freeze()
  await watch?.until(() => watch.states.length > states && watch.states.at(-1) === 'gap')
  etcd.thaw()
  await watch?.until(() => watch.states.at(-1) === 'live')
  await setKey(etcd, 'jti/after-freeze')
  await watch?.until(() => watch.ids.has('after-freeze'))
})

t.test('an etcd that has forgotten events, or all of its data, is watched on and listed again', { skip }, async (t) => {
  const etcd = await startEtcd(t)
  const store = storeOf(t, `${etcd.url}/v2/keys/jti`)
  await listed(store) // at an index that etcd is about to forget: it remembers 1,000 events
  for (let n = 0; n < 11; n++) await Promise.all(Array.from({ length: 100 }, (_, m) => setKey(etcd, `other/${m}`)))
  const watch = startWatch(t, store)
  await watch?.until(() => watch.resyncs.some((reason) => /no longer has the events/.test(reason)))
  await setKey(etcd, 'jti/one')
  await watch?.until(() => watch.ids.has('one'))

  await etcd.restart('lost')
  await watch?.until(() => watch.resyncs.some((reason) => /lost its data/.test(reason)))
  t.strictSame(await listed(store), [])
  await setKey(etcd, 'jti/two')
  await watch?.until(() => watch.ids.has('two'))
})

t.test('a server that falls silent is left for the next, at once or with the next listing', async (t) => {
  const [frozen, healthy] = await Promise.all([startHub(t), startHub(t)])
  const url = `${new URL(frozen.url).origin},${new URL(healthy.url).origin}/v2/keys/jti`
  const directory = { node: { dir: true, nodes: [{ key: '/jti/a' }] } }
  healthy.answer((response, request) => {
    if (request.url?.includes('records')) json({ errorCode: 100 }, 404)(response, request)
    else json(directory)(response, request)
  })
  frozen.answer(() => undefined)
  t.strictSame(await listed(storeOf(t, url, { idleTimeout: 50 })), [token('a', undefined)])

  const store = storeOf(t, url, { idleTimeout: 50 })
  frozen.answer((response) => {
    response.writeHead(200)
    response.write(JSON.stringify(directory).slice(0, -4))
  })
  t.match(await failure(listed(store)), { code: 'ERR_STORE_UNREACHABLE' })
  const { length } = frozen.requests
  t.strictSame(await listed(store), [token('a', undefined)])
  t.equal(frozen.requests.length, length)
})

t.test('anything but a whole listing of a directory is a failed one', async (t) => {
  const cases: [string, string, string, number?][] = [
    ['an error', '{}', 'ERR_STORE_STATUS', 500],
    ['a 404 that is not of etcd', '<html>', 'ERR_STORE_ANSWER', 404],
    ['another 404', '{"errorCode":999}', 'ERR_STORE_STATUS', 404],
    ['a page', '<html>', 'ERR_STORE_ANSWER'],
    ['an empty body', '', 'ERR_STORE_ANSWER'],
    ['an object', '{}', 'ERR_STORE_ANSWER'],
    ['a key', '{"action":"get","node":{"key":"/jti","value":"x"}}', 'ERR_STORE_ANSWER'],
    ['a truncated listing', '{"node":{"dir":true,"nodes":[{"key":"/jti/s3cret"}', 'ERR_STORE_ANSWER'],
    ['deep nesting', '['.repeat(1_000), 'ERR_STORE_ANSWER'],
  ]
  const server = await startHub(t) // any web server will do
  const store = storeOf(t, `${new URL(server.url).origin}/v2/keys/jti`)
  for (const [title, body, code, status] of cases) {
    server.answer(text(body, status))
    const error = await failure(listed(store))
    t.match(error, { code }, title)
    t.notMatch(String(error), /s3cret/)
  }
  server.answer((response, request) => {
    const nodes = [
      { key: '/jti/a' },
      { key: 7 },
      { value: 'x' },
      null,
      'x',
      { key: '/else/b' },
      { dir: true, nodes: 5 },
    ]
    if (request.url?.includes('records')) json({ errorCode: 100 }, 404)(response, request)
    else json({ node: { dir: true, nodes } })(response, request)
  })
  t.strictSame(await listed(store), [token('a', undefined)], 'nodes that are none are passed over')
})

t.test('a directory in the directory may be as large as it likes', async (t) => {
  const count = 180_000
  const leaf = (n: number) => `{"key":"/jti/tenant/deep/${n}","value":"true","modifiedIndex":1,"createdIndex":1}`
  function* pieces() {
    yield '{"node":{"key":"/jti","dir":true,"nodes":[{"key":"/jti/first","value":""},{"key":"/jti/tenant","dir":true,"nodes":['
    yield '{"key":"/jti/tenant/deep","nodes":['
    for (let n = 0; n < count; n += 1_000) {
      yield `${n === 0 ? '' : ','}${Array.from({ length: 1_000 }, (_, m) => leaf(n + m)).join()}`
    }
    yield '],"dir":true},{"key":"/jti/tenant/empty","dir":true,"nodes":[]}]},{"key":"/jti/last","value":""}]}}'
  }
  async function* body() {
    for (const piece of pieces()) yield Buffer.from(piece)
  }
  const keys = new Set<unknown>()
  for await (const leaves of readListing(body())) for (const { key } of leaves) keys.add(key)
  t.equal(keys.size, count + 2)
  t.ok(['first', 'last', 'tenant/deep/0', `tenant/deep/${count - 1}`].every((key) => keys.has(`/jti/${key}`)))

  async function* endless() {
    yield Buffer.from('{"node":{"key":"/jti","dir":true,"nodes":[{"key":"/jti/first","value":"')
    for (;;) yield Buffer.alloc(1024 * 1024, 'x')
  }
  const read = async () => {
    for await (const leaves of readListing(endless())) keys.add(leaves.length)
  }
  await t.rejects(read(), { code: 'ERR_STORE_ANSWER' })
})

function storeOf(
  t: Test,
  url: string,
  settings: Partial<EtcdV2Options> = {},
  tls: HttpClientOptions = {},
): PersistentStore {
  const client = createHttpClient(tls)
  t.teardown(() => client.destroy())
  return etcdV2Store({ endpoint: etcdEndpoint(url), client, ...settings })
}

/** Sets a key as WSO2 does; etcdctl can't set every id. */
async function setKey(etcd: EtcdServer, key: string, body = 'value=true'): Promise<void> {
  const response = await fetch(`${etcd.url}/v2/keys/${key.split('/').map(encodeURIComponent).join('/')}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body,
  })
  await response.body?.cancel()
  if (!response.ok) throw new Error(`etcd answered ${response.status}`)
}
