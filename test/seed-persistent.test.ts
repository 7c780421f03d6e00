// The [tokenRevocationConfig.persistent] block for etcd that WSO2 documents, against a real etcd, with the commands that
// it gives (etcd's v2 API) and with those of v3.
import t, { type Test } from 'tap'
import { type EtcdServer, etcdMissing, startEtcd } from './services/etcd.js'
import { jtiOf, startGateway, world } from './support/gateway.js'

const PERSISTENT = (endpointUrl: string) => `enablePersistentStorageRetrieval = true
type = "etcd"
endpointURL = "${endpointUrl}"
username = "root"
password = "root"`

const LIVE = 1_000

t.test("etcd's v2 API, as its users' etcdctl writes it", { skip: etcdMissing() }, async (t) => {
  const etcd = await startEtcd(t)
  await etcd.ctl(2, 'mkdir', 'jti')
  const revoke = (jti: string) => etcd.ctl(2, 'set', `jti/${jti}`, '3600')
  await scenario(t, `${etcd.url}/v2/keys/jti/`, revoke, (jtis) => putMany(jtis, (jti) => putV2(etcd, jti)))
})

t.test("etcd's v3 API, at the URL that WSO2 documents", { skip: etcdMissing() }, async (t) => {
  const etcd = await startEtcd(t)
  const revoke = (jti: string) => etcd.ctl(3, 'put', `jti/${jti}`, '3600')
  await scenario(t, `${etcd.url}/v3/keys/jti/`, revoke, (jtis) => putMany(jtis, (jti) => putV3(etcd, jti)))
})

async function scenario(
  t: Test,
  endpointUrl: string,
  revoke: (jti: string) => Promise<unknown>,
  revokeMany: (jtis: readonly string[]) => Promise<void>,
): Promise<void> {
  const w = await world(t)
  const [before, control] = [await w.token(), await w.token()]
  await revoke(jtiOf(before))
  const sources = { realtime: 'enableRealtimeMessageRetrieval = false', persistent: PERSISTENT(endpointUrl) }
  const gateway = await startGateway(t, w.configFile('', sources))
  await gateway.known()
  t.equal(await gateway.status(before), 401, 'revoked before the start')
  t.equal(await gateway.status(control), 200)

  const live = await Promise.all(Array.from({ length: LIVE }, () => w.token()))
  t.equal(await gateway.status(live[0] ?? ''), 200)
  await revokeMany(live.map(jtiOf))
  let refused = 0
  for (const token of live) {
    while ((await gateway.status(token)) !== 401);
    refused++
  }
  t.equal(refused, LIVE, 'all that were revoked live are refused')
  t.equal(await gateway.status(control), 200)
}

async function putMany(jtis: readonly string[], put: (jti: string) => Promise<Response>): Promise<void> {
  for (const jti of jtis) {
    const answer = await put(jti)
    if (!answer.ok) throw new Error(`etcd answered ${answer.status}`)
    await answer.arrayBuffer()
  }
}

function putV2({ url }: EtcdServer, jti: string): Promise<Response> {
  return fetch(`${url}/v2/keys/jti/${jti}`, {
    method: 'PUT',
    body: new URLSearchParams({ value: 'true', ttl: '3600' }),
  })
}

/** By etcd's JSON gateway to its v3 API. */
function putV3({ url }: EtcdServer, jti: string): Promise<Response> {
  const base64 = (text: string) => Buffer.from(text).toString('base64')
  return fetch(`${url}/v3/kv/put`, {
    method: 'POST',
    body: JSON.stringify({ key: base64(`jti/${jti}`), value: base64('3600') }),
  })
}
