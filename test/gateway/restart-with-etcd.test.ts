// Restarts with the journal on disk and a real etcd: what was revoked in between is refused.
import t, { type Test } from 'tap'
import type { Revocations } from '../../src/gateway/revocations.js'
import { identify } from '../../src/token/identity.js'
import { type EtcdServer, etcdMissing, startEtcd } from '../services/etcd.js'
import { revocationsOf } from './revocations-of.js'

const skip = etcdMissing()
const CAUGHT_UP = /what the store has got since/

t.test('a restart is ready when it has caught up with etcd, and then lists all of it', { skip }, async (t) => {
  const etcd = await startEtcd(t)
  const gateway = gatewayOf(t, etcd)
  await put(etcd, 'before')
  const first = await gateway.run()
  t.match(first.state().reason, /the store was listed/)
  await first.close()

  await put(etcd, 'while it was down')
  const second = await gateway.run()
  t.match(second.state().reason, CAUGHT_UP)
  for (const id of ['before', 'while it was down']) t.ok(refuses(second, id), id)
  t.notOk(refuses(second, 'another'))
  await gateway.said(/^store listed$/)
  t.match(second.state().reason, /the store was listed/)
  await second.close()
})

t.test('after etcd was restored from a backup, everything in it is refused', { skip }, async (t) => {
  const etcd = await startEtcd(t)
  const gateway = gatewayOf(t, etcd)
  await put(etcd, 'a', 'b', 'c')
  const snapshot = await etcd.snapshot()
  await put(etcd, 'd', 'e', 'f', 'g', 'h')
  await (await gateway.run()).close()
  await etcd.restore(snapshot)
  const eight = Array.from({ length: 8 }, (_, n) => `after the loss ${n}`)
  await put(etcd, ...eight)
  const again = await gateway.run()
  t.match(again.state().reason, /the store was listed/)
  for (const id of ['a', 'd', 'h', ...eight]) t.ok(refuses(again, id), id)
  await again.close()
})

t.test(
  'a v2 API that held tokens before a restart and is unreadable after it does not count as empty',
  { skip },
  async (t) => {
    const etcd = await startEtcd(t)
    const gateway = gatewayOf(t, etcd)
    await put(etcd, 'by v3')
    await etcd.ctl(2, 'set', 'jti/by-v2', '3600')
    const first = await gateway.run()
    t.ok(refuses(first, 'by-v2'))
    await first.close()
    await etcd.ctl(2, 'set', 'jti/meanwhile', '3600')
    await etcd.enableAuthV2('mgw', '/nothing')
    const failed = gateway.said(/cannot list the store/)
    const second = await gateway.open()
    second.start()
    await failed
    t.equal(second.state().known, false)
    await second.close()
  },
)

function gatewayOf(t: Test, etcd: EtcdServer) {
  const { open, start, said } = revocationsOf(t, t.testdir())
  const text = `[tokenRevocationConfig]
  startupGrace = "10m"
[tokenRevocationConfig.persistent]
  enablePersistentStorageRetrieval = true
  type = "etcd"
  endpointURL = "${etcd.url}/v3/keys/jti/"
  username = ""
`
  return {
    said,
    open: () => open(text),
    /** Resolves when the list is known. */
    async run(): Promise<Revocations> {
      const revocations = await start(text)
      await revocations.known()
      return revocations
    },
  }
}

function refuses(revocations: Revocations, id: string): boolean {
  const token = identify({ kind: 'opaque', token: id }, {}, revocations.fingerprints)
  return revocations.find(token) !== undefined
}

async function put(etcd: EtcdServer, ...ids: string[]): Promise<void> {
  for (const id of ids) await etcd.ctl(3, 'put', `jti/${id}`, 'true')
}
