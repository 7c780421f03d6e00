import t from 'tap'
import { etcdMissing, startEtcd } from './services/etcd.js'
import { startGateway, world } from './support/gateway.js'
import { pause } from './workers/cluster.js'

/** Longer than the v2 watch waits for an event: its timer is due before the event is read. */
const FROZEN_FOR = 11_000

for (const workers of [1, 2]) {
  t.test(
    `a gateway that stood still passes nothing on before it has read what was revoked meanwhile (workers: ${workers})`,
    { skip: etcdMissing() },
    async (t) => {
      const w = await world(t)
      const etcd = await startEtcd(t)
      const persistent = `enablePersistentStorageRetrieval = true
        type = "etcd"
        endpointURL = "${etcd.url}/v2/keys/jti/"
        username = ""`
      const realtime = 'enableRealtimeMessageRetrieval = false'
      const gateway = await startGateway(t, w.configFile('', { realtime, persistent }, 'gateway', workers))
      await gateway.known()
      const [revoked, other] = [await w.token(), await w.token()]
      const ask = async (token: string, path = '1') => {
        const headers = { authorization: `Bearer ${token}` }
        return (await fetch(`${gateway.http}/things/v1/thing/${path}`, { headers })).status
      }
      const many = () => Array.from({ length: 20 }, () => ask(revoked, 'revoked'))
      t.ok((await Promise.all(many())).every((status) => status === 200))
      const { child } = gateway.process
      child.kill('SIGSTOP')
      t.teardown(() => child.kill('SIGCONT'))
      const [, payload = ''] = revoked.split('.')
      const { jti } = JSON.parse(String(Buffer.from(payload, 'base64url'))) as { jti: string }
      for (const key of ['another', jti]) await etcd.ctl(2, 'set', `jti/${key}`, '3600')
      await pause(FROZEN_FOR)
      w.reached.length = 0
      const waiting = many()
      await pause(100)
      child.kill('SIGCONT')
      for (const status of await Promise.all(waiting)) t.ok(status === 503 || status === 401, String(status))
      while ((await ask(revoked, 'revoked')) !== 401) await pause(5)
      t.strictSame(w.reached, [])
      while ((await ask(other)) !== 200) await pause(5)
    },
  )
}
