import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { type Config, parseConfig } from '../../src/config/index.js'
import { announce } from '../../src/gateway/announce.js'
import { silent } from '../../src/logging/index.js'
import { openStore } from '../../src/sources/open.js'
import { etcdMissing, startEtcd } from '../services/etcd.js'

function configOf(endpointUrl: string, httpClients = ''): Config {
  const file = `[httpClients]
  ${httpClients}
[tokenRevocationConfig.persistent]
  enablePersistentStorageRetrieval = true
  type = "etcd"
  endpointURL = "${endpointUrl}"
`
  return parseConfig(file, join('nowhere', 'micro-gw.conf'), {}).config
}

/** The warnings that opening this store gives; nothing is connected to. */
async function warnings(endpointUrl: string, httpClients: string): Promise<string[]> {
  const config = configOf(endpointUrl, httpClients)
  const warned: string[] = []
  const opened = await openStore(config, (component) => ({
    ...silent(component),
    warn: (text) => warned.push(text),
  }))
  await opened?.close()
  return warned
}

t.test('a closed store has closed all its connections', { skip: etcdMissing() }, async (t) => {
  const etcd = await startEtcd(t)
  const sockets = new Set<Socket>()
  const way = createServer((socket) => {
    sockets.add(socket)
    const onward = connect(Number(new URL(etcd.url).port), '127.0.0.1')
    socket.pipe(onward).pipe(socket)
    for (const end of [socket, onward]) end.on('error', () => onward.destroy())
  }).listen(0, '127.0.0.1')
  await once(way, 'listening')
  t.teardown(() => way.close())
  for (const api of ['v2', 'v3']) {
    const opened = await openStore(
      configOf(`http://127.0.0.1:${(way.address() as AddressInfo).port}/${api}/keys/jti/`),
      silent,
    )
    await opened?.store.put?.({ kind: 'token', id: api, expiresAt: undefined })
    t.ok(sockets.size > 0)
    const closed = [...sockets].map((socket) => once(socket, 'close'))
    await opened?.close()
    await Promise.all(closed)
    sockets.clear()
  }
})

t.test('a custom store is closed, also when publishing to the topic failed', async (t) => {
  const directory = t.testdir({
    'store.mjs': `export const createStore = () => ({
      name: 'own',
      async *list() {},
      async put() {},
      async close() { process.emit('own store closed') },
    })`,
  })
  const [config, broken] = ['', 'enableRealtimeMessageRetrieval = true\n  jmsConnectionProviderUrl = "none"'].map(
    (realtime) =>
      parseConfig(
        `[tokenRevocationConfig.realtime]
  ${realtime}
[tokenRevocationConfig.persistent]
  enablePersistentStorageRetrieval = true
  type = "own"
  module = ${JSON.stringify(join(directory, 'store.mjs'))}
`,
        join(directory, 'micro-gw.conf'),
        {},
      ).config,
  )
  if (config === undefined || broken === undefined) throw new Error('two configurations')
  let closed = 0
  const count = () => closed++
  process.on('own store closed', count)
  t.teardown(() => process.off('own store closed', count))
  const opened = await openStore(config, silent)
  await opened?.close()
  t.equal(closed, 1)
  const record = { kind: 'token', id: 'one', expiresAt: undefined } as const
  t.match(await announce(config, record, silent), [{ outcome: 'taken' }])
  t.equal(closed, 2)
  await t.rejects(announce(broken, record, silent), { code: 'ERR_REVOCATION_SOURCE' })
  t.equal(closed, 3)
})

t.test("TLS keys without effect on etcd's v3 API are warned of, with the remedy", async (t) => {
  const v3 = 'https://127.0.0.1:1/v3/keys/jti/'
  t.strictSame(await warnings(v3, 'verifyHostname = false'), [
    "httpClients.verifyHostname = false has no effect on etcd's v3 API: write a host name that is in its certificate into tokenRevocationConfig.persistent.endpointURL",
  ])
  t.strictSame(await warnings(v3, 'disableSslVerification = true'), [
    "httpClients.disableSslVerification has no effect on etcd's v3 API: name the authority that signed its certificate in tokenRevocationConfig.persistent.caFile",
  ])
  t.strictSame(await warnings(v3, 'verifyHostname = true'), [], 'nothing is asked for')
  t.strictSame(await warnings('http://127.0.0.1:1/v3/keys/jti/', 'verifyHostname = false'), [], 'no TLS')
  t.strictSame(await warnings('https://127.0.0.1:1/v2/keys/jti/', 'verifyHostname = false'), [], 'v2 heeds it')
})
