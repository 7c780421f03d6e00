import { once } from 'node:events'
import { connect } from 'node:net'
import { SignJWT } from 'jose'
import t from 'tap'
import { etcdMissing, startEtcd } from '../services/etcd.js'
import { fileSizeLimitMissing, limitFileSize } from '../support/file-size-limit.js'
import { jtiOf, type RunningGateway, startGateway, world } from '../support/gateway.js'
import { startCluster } from '../workers/cluster.js'

const OFF = { realtime: 'enableRealtimeMessageRetrieval = false', persistent: '' }
const TOKEN = 'the-admins-own'
const ADMIN = `  token = "${TOKEN}"`

const post = async (gateway: RunningGateway, body: unknown, headers: Record<string, string> = {}) => {
  const answer = await fetch(`${gateway.admin}/revocations`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  return { status: answer.status, text: await answer.text(), retryAfter: answer.headers.get('retry-after') }
}

const claimsOf = (token: string) =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { sub: string; azp: string }

t.test('the very next request is refused, also after kill -9', async (t) => {
  const w = await world(t)
  const gateway = await startGateway(t, w.configFile('', { ...OFF, admin: ADMIN }))
  const [byToken, byJti, bySignature, control] = [await w.token(), await w.token(), await w.token(), await w.token()]
  const cases: [string, object][] = [
    [byToken, { token: byToken }],
    [byJti, { jti: jtiOf(byJti) }],
    [bySignature, { jti: bySignature.split('.')[2] }],
  ]
  for (const [token, body] of cases) {
    t.equal(await gateway.status(token), 200)
    t.match(await post(gateway, body), { status: 204, text: '' })
    t.equal(await gateway.status(token), 401)
  }
  t.equal(await gateway.status(control), 200)
  await gateway.process.end('SIGKILL')
  const again = await startGateway(t, w.configFile('', { ...OFF, admin: ADMIN }))
  for (const [token] of cases) t.equal(await again.status(token), 401)
  t.equal(await again.status(control), 200)
  t.equal((await post(again, { subject: claimsOf(control).sub, revokedBefore: 1_600_000_000 })).status, 204)
  t.equal(await again.status(control), 200, 'it was issued later')
  t.equal((await post(again, { subject: claimsOf(control).sub })).status, 204)
  t.equal(await again.status(control), 401)
  const output = gateway.process.output() + again.process.output()
  for (const secret of [TOKEN, byToken, jtiOf(byJti), bySignature]) t.notOk(output.includes(secret))
})

t.test('a rule from now on means a token of an issuer whose clock is ahead, of which nobody has said', async (t) => {
  const w = await world(t)
  const secret = 'a-secret-of-thirty-two-characters-and-more'
  const more = `[[jwtTokenConfig]]\n  issuer = "ahead"\n  sharedSecret = "${secret}"`
  const gateway = await startGateway(t, w.configFile(more, { ...OFF, admin: ADMIN }))
  const now = Math.floor(Date.now() / 1000)
  const token = await new SignJWT({ sub: 'alice', iss: 'ahead', jti: 'j', iat: now + 4, exp: now + 3_600 })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(Buffer.from(secret))
  t.equal(await gateway.status(token), 200)
  t.equal((await post(gateway, { subject: 'alice', revokedBefore: now + 1 })).status, 204)
  t.equal(await gateway.status(token), 200)
  t.equal((await post(gateway, { subject: 'alice' })).status, 204)
  t.equal(await gateway.status(token), 401)
})

t.test('only a request with the credential and a valid body revokes', async (t) => {
  const w = await world(t)
  const gateway = await startGateway(t, w.configFile('', { ...OFF, admin: ADMIN }))
  const token = await w.token()
  const jti = jtiOf(token)
  for (const authorization of ['', 'Bearer', `Bearer ${TOKEN}x`, `Bearer ${token}`, `Basic ${TOKEN}`, TOKEN]) {
    t.equal((await post(gateway, { jti }, { authorization })).status, 401, authorization)
  }
  const refused = await post(gateway, { jti, until: 1 })
  t.equal(refused.status, 400)
  t.match(JSON.parse(refused.text), { problem: /^unknown member; the members are token, jti/ })
  t.equal((await post(gateway, { jti }, { 'content-type': 'text/plain' })).status, 400)
  t.equal((await post(gateway, { jti: 'x'.repeat(100_000) })).status, 413)
  t.equal((await fetch(`${gateway.admin}/revocations`, { headers: { authorization: `Bearer ${TOKEN}` } })).status, 405)
  const socket = connect(Number(new URL(gateway.admin).port), '127.0.0.1')
  socket.write(`POST /revocations HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${TOKEN}\r\n`)
  socket.end('content-type: application/json\r\ncontent-length: 100\r\n\r\n{"jti":')
  await once(socket.resume(), 'close')
  t.equal(await gateway.status(token), 200, 'nothing was revoked')
  t.equal((await fetch(`${gateway.admin}/ready`)).status, 200, 'probes need no credential')
  t.notMatch(gateway.process.output(), /revocation request failed/)
})

t.test('without a credential there is no such path', async (t) => {
  const w = await world(t)
  const gateway = await startGateway(t, w.configFile('', OFF))
  for (const authorization of ['', 'Bearer', 'Bearer ', 'Bearer x']) {
    t.equal((await post(gateway, { subject: 'alice' }, { authorization })).status, 404)
  }
})

t.test(
  'while the disk is full it is 503, and 204 only for what is refused after kill -9',
  { skip: fileSizeLimitMissing() },
  async (t) => {
    const w = await world(t)
    for (const workers of [1, 2]) {
      const file = w.configFile('', { ...OFF, admin: ADMIN }, `workers-${workers}`, workers)
      const gateway = await startGateway(t, file)
      const [kept, refused] = [await w.token(), await w.token()]
      t.equal((await post(gateway, { token: kept })).status, 204)
      limitFileSize(gateway.process.child.pid, 1)
      const answer = await post(gateway, { token: refused })
      t.match(answer, { status: 503, text: /not confirmed as durable and enforced/, retryAfter: '5' })
      await gateway.process.printed(/revocation not confirmed; answered 503 code=ERR_REVOCATION_NOT_DURABLE/)
      t.equal(await gateway.status(refused), 401, 'it is on the list all the same')
      limitFileSize(gateway.process.child.pid, 'unlimited')
      while ((await post(gateway, { token: refused })).status !== 204);
      await gateway.process.end('SIGKILL')
      const again = await startGateway(t, file)
      for (const token of [kept, refused]) t.equal(await again.status(token), 401)
      await again.process.end('SIGKILL')
    }
  },
)

t.test('with two workers, both know it when the answer has come', async (t) => {
  const w = await world(t)
  const gateway = await startCluster(t, w, 2, '', { ...OFF, admin: ADMIN })
  await gateway.ready(2)
  for (let round = 0; round < 5; round++) {
    const token = await w.token()
    t.equal((await post(gateway, { token })).status, 204)
    const statuses = await Promise.all(Array.from({ length: 16 }, () => gateway.fresh(token)))
    t.strictSame([...new Set(statuses)], [401])
  }
})

t.test('other gateways learn tokens and rules from the store', { skip: etcdMissing() }, async (t) => {
  const w = await world(t)
  const etcd = await startEtcd(t)
  const persistent = `enablePersistentStorageRetrieval = true\n  type = "etcd"\n  endpointURL = "${etcd.url}"`
  const sources = { ...OFF, persistent, admin: ADMIN }
  const [first, second] = [
    await startGateway(t, w.configFile('', sources, 'first')),
    await startGateway(t, w.configFile('', sources, 'second')),
  ]
  await Promise.all([first.known(), second.known()])
  const token = await w.token()
  t.equal(await second.status(token), 200)
  t.equal((await post(first, { subject: claimsOf(token).sub })).status, 204)
  t.equal(await first.status(token), 401)
  while ((await second.status(token)) !== 401);
})
