// The [tokenRevocationConfig.persistent] block for etcd that WSO2 documents, against a real etcd, with the commands that
// it gives (etcd's v2 API) and with those of v3, there logged in as its user `root`: etcd's v2 API takes some 70 ms of
// processor time for each call with a password, and persistent/etcd-v2.test.ts has that.
import t, { type Test } from 'tap'
import { type EtcdServer, etcdMissing, startEtcd } from './services/etcd.js'
import { jtiOf, startGateway, world } from './support/gateway.js'

const PERSISTENT = (endpointUrl: string) => `enablePersistentStorageRetrieval = true
type = "etcd"
endpointURL = "${endpointUrl}"
username = "root"
password = "root"`

const LOGIN = 'root:root'
const LIVE = 1_000

t.test("etcd's v2 API, as its users' etcdctl writes it", { skip: etcdMissing() }, async (t) => {
  const etcd = await startEtcd(t)
  await etcd.ctl(2, 'mkdir', 'jti')
  const revoke = (jti: string) => etcd.ctl(2, 'set', `jti/${jti}`, '3600')
  await scenario(t, `${etcd.url}/v2/keys/jti/`, revoke, (jtis) => putMany(jtis, (jti) => putV2(etcd, jti)))
})

t.test("etcd's v3 API, at the URL that WSO2 documents", { skip: etcdMissing() }, async (t) => {
  const etcd = await startEtcd(t)
  await etcd.ctl(3, 'user', 'add', LOGIN)
  await etcd.ctl(3, 'user', 'grant-role', 'root', 'root')
  await etcd.ctl(3, 'auth', 'enable')
  const revoke = (jti: string) => etcd.ctl(3, `--user=${LOGIN}`, 'put', `jti/${jti}`, '3600')
  const [name, password] = LOGIN.split(':')
  const { token = '' } = (await (await callV3(etcd, 'auth/authenticate', { name, password })).json()) as {
    token?: string
  }
  await scenario(t, `${etcd.url}/v3/keys/jti/`, revoke, (jtis) => putMany(jtis, (jti) => putV3(etcd, jti, token)))
})

t.test(
  "the page's commands, which are of etcd's v2 API, and its URL, which is of v3's",
  { skip: etcdMissing() },
  async (t) => {
    const etcd = await startEtcd(t)
    const w = await world(t)
    const [printed, inDirectory, live, control] = [await w.token(), await w.token(), await w.token(), await w.token()]
    const user = ['-u', LOGIN]
    await etcd.ctl(2, 'user', 'add', 'mgw:mgw')
    await etcd.ctl(2, 'user', 'add', LOGIN)
    await etcd.ctl(2, 'role', 'add', 'revocations')
    await etcd.ctl(2, 'role', 'add', 'root').catch(() => 'there is one already')
    await etcd.ctl(2, 'user', 'grant', 'mgw', '--roles', 'revocations')
    await etcd.ctl(2, 'user', 'grant', 'root', '--roles', 'root').catch(() => 'it has that already')
    await etcd.ctl(2, 'auth', 'enable')
    await etcd.ctl(2, ...user, 'mkdir', 'jti')
    await etcd.ctl(2, ...user, 'set', jtiOf(printed), '3600')
    await etcd.ctl(2, ...user, 'set', `jti/${jtiOf(inDirectory)}`, '3600')
    await etcd.ctl(2, 'role', 'remove', 'guest', ...user).catch(() => etcd.ctl(2, ...user, 'role', 'remove', 'guest'))

    const sources = {
      realtime: 'enableRealtimeMessageRetrieval = false',
      persistent: PERSISTENT(`${etcd.url}/v3/keys/jti/`),
    }
    const gateway = await startGateway(t, w.configFile('', sources))
    await gateway.known()
    t.equal(await gateway.status(printed), 401, 'set as the page prints it, which is in the root')
    t.equal(await gateway.status(inDirectory), 401)
    t.equal(await gateway.status(control), 200)
    t.equal(await gateway.status(live), 200)
    await etcd.ctl(2, ...user, 'set', jtiOf(live), '3600')
    while ((await gateway.status(live)) !== 401);
    t.equal(await gateway.status(control), 200)
  },
)

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

  const live: string[] = []
  // Not all at once: each asks on a TLS connection of its own.
  while (live.length < LIVE) live.push(...(await Promise.all(Array.from({ length: 50 }, () => w.token()))))
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

function putV3(etcd: EtcdServer, jti: string, token: string): Promise<Response> {
  return callV3(etcd, 'kv/put', { key: base64(`jti/${jti}`), value: base64('3600') }, token)
}

/** By etcd's JSON gateway to its v3 API. */
function callV3({ url }: EtcdServer, method: string, body: object, token?: string): Promise<Response> {
  const headers: Record<string, string> = token === undefined ? {} : { authorization: token }
  return fetch(`${url}/v3/${method}`, { method: 'POST', headers, body: JSON.stringify(body) })
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}
