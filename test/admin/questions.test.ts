import { request } from 'node:http'
import t, { type Test } from 'tap'
import { jtiOf, type RunningGateway, world } from '../support/gateway.js'
import { servers, startCluster } from '../workers/cluster.js'
import { DEFINITION, problemsOf } from './openapi.js'

const TOKEN = 'the-admins-own'
const ADMIN = { admin: `token = "${TOKEN}"` }

interface Name {
  readonly name: string
  readonly issuer: string
  readonly listed: boolean
  readonly revokes: boolean
  readonly record?: { readonly source: string; readonly learntAt: string }
}

interface Explained {
  readonly verdict: object
  readonly token: { readonly hash: string }
  readonly steps: readonly { readonly step: string; readonly passed: boolean; readonly detail: string }[]
  readonly names: readonly Name[]
}

/** Asks, and checks the answer by the definition. */
async function ask(
  t: Test,
  gateway: RunningGateway,
  method: 'get' | 'post',
  path: string,
  body?: unknown,
  bearer = TOKEN,
) {
  const answer = await fetch(`${gateway.admin}${path}`, {
    method: method.toUpperCase(),
    headers: {
      ...(bearer === '' ? {} : { authorization: `Bearer ${bearer}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await answer.text()
  t.strictSame(problemsOf(method, path, answer.status, answer.headers.get('content-type') ?? '', text), [], path)
  return { status: answer.status, text }
}

async function explain(t: Test, gateway: RunningGateway, request: object): Promise<Explained> {
  const { status, text } = await ask(t, gateway, 'post', '/explain', request)
  t.equal(status, 200)
  return JSON.parse(text) as Explained
}

for (const workers of [1, 2]) {
  t.test(`a token is explained and looked up, with ${workers} workers; no answer and no log holds it`, async (t) => {
    const w = await world(t)
    const gateway = await startCluster(t, w, workers, '', ADMIN)
    await gateway.known()
    const token = await w.token()
    const at = { method: 'get', path: '/things/v1/thing/1' }
    const good = await explain(t, gateway, { token, ...at })
    t.strictSame(good.verdict, { accepted: true })
    t.ok(good.steps.every(({ passed }) => passed))
    t.ok(good.names.length > 3 && good.names.every(({ listed }) => !listed))
    await ask(t, gateway, 'post', '/revocations', { token })
    const revoked = await explain(t, gateway, { token, ...at })
    t.strictSame(revoked.verdict, { accepted: false, status: 401, code: 900901, reason: 'revoked' })
    t.match(revoked.steps.at(-1), { step: 'revocation', passed: false, detail: /^by jti, from gateway, learnt 20/ })
    t.match(
      revoked.names.filter(({ listed }) => listed),
      [{ name: 'jti', issuer: 'any', revokes: true, record: { source: 'gateway' } }],
    )
    t.equal(revoked.token.hash, good.token.hash)
    const looked = [await ask(t, gateway, 'post', '/revocations/lookup', { token })]
    t.match(JSON.parse(looked[0]?.text ?? ''), { known: true, revoked: true })
    looked.push(await ask(t, gateway, 'post', '/revocations/lookup', { jti: jtiOf(token) }))
    t.match(JSON.parse(looked[1]?.text ?? ''), { known: true, revoked: true, records: [{ source: 'gateway' }] })
    const other = await ask(t, gateway, 'post', '/revocations/lookup', { subject: 'nobody' })
    t.strictSame(JSON.parse(other.text), { known: true, revoked: false, records: [] })
    const said = JSON.stringify([good, revoked, looked]) + gateway.process.output()
    t.notOk(said.includes(token) || said.includes(jtiOf(token)), 'no token and no jti')
  })
}

t.test('each step that refuses is named, and decides in the order of the gateway', async (t) => {
  const w = await world(t)
  const gateway = await startCluster(t, w, 1, '', ADMIN)
  await gateway.known()
  const token = await w.token()
  const [header = '', payload = '', signature = ''] = token.split('.')
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object
  const changed = (more: object) => {
    const body = Buffer.from(JSON.stringify({ ...claims, ...more })).toString('base64url')
    return `${header}.${body}.${signature}`
  }
  const verdict = async (request: object) => {
    const { verdict, steps } = await explain(t, gateway, request)
    return { ...verdict, failed: steps.filter(({ passed }) => !passed).map(({ step }) => step) }
  }
  const refused = (reason: string, ...failed: string[]) => ({
    accepted: false,
    status: 401,
    code: 900901,
    reason,
    failed,
  })
  t.strictSame(await verdict({ token: 'a.b' }), refused('opaque', 'authentication'))
  t.strictSame(await verdict({ token: 'a.b.c' }), refused('malformed', 'credential', 'authentication'))
  t.strictSame(await verdict({ token: changed({ sub: 'x' }) }), refused('signature', 'issuer', 'authentication'))
  t.strictSame(await verdict({ token: changed({ iss: 'x' }) }), refused('issuer', 'issuer', 'authentication'))
  t.match(await verdict({ token, method: 'GET', path: '/elsewhere' }), { status: 404, failed: ['route'] })
  const open = { method: 'GET', path: '/things/v1/open' }
  t.match(await verdict({ token: 'a.b', ...open }), { accepted: true, failed: ['authentication'] })
  await ask(t, gateway, 'post', '/revocations', { token })
  t.match(await verdict({ token, ...open }), { accepted: false, reason: 'revoked', failed: ['revocation'] })
  await gateway.process.printed(/revocation list is known/)
})

t.test('explain says of a request line what the gateway answers', async (t) => {
  const w = await world(t)
  const gateway = await startCluster(t, w, 1, '', ADMIN)
  await gateway.known()
  const token = await w.token()
  for (const [method, path, status] of LINES) {
    const answered = await answerTo(gateway.http, method, path, token)
    const { verdict } = await explain(t, gateway, { token, method, path })
    t.equal(answered, status, `${method} ${path}`)
    t.match(verdict, status === 200 ? { accepted: true } : { accepted: false, status }, `${method} ${path}`)
  }
})

const LINES: readonly (readonly [method: string, path: string, status: number])[] = [
  ['GET', '/things/v1/thing/1', 200],
  ['HEAD', '/things/v1/thing/1', 200],
  ['GET', '/things/v1/open', 200],
  ['POST', '/things/v1/thing/1', 405],
  ['DELETE', '/things/v1/open', 405],
  ['GET', '/things/v1', 403],
  ['GET', '/things/v1/', 403],
  ['GET', '/things/v1/else', 403],
  ['GET', '/things', 404],
  ['GET', '/', 404],
  ['GET', '/things/v1/thing//x', 400],
  ['GET', '/things/v1/thing/a%2Fb', 400],
  ['GET', '/things/v1/thing/a;b', 400],
  ['GET', '/things/v1/thing/a%3Bb', 400],
  ['GET', '/things/v1/thing/a%00b', 400],
  ['GET', '/things/v1/thing/%2531', 400],
  ['GET', '/things/v1/thing/%zz', 400],
  ['GET', '/things/v1/thing/%ff', 400],
  ['GET', '/things/v1/thing/..', 400],
  ['GET', '/things/v1/%74hing/1', 400],
  ['GET', '/things/v1/thing/a\\b', 400],
  ['GET', '/things/v1/thing/a#b', 400],
  ['GET', `/things/v1/thing/${'a'.repeat(4_096)}`, 414],
]

t.test('a rule shows until when it revokes, and spares what was issued later', async (t) => {
  const w = await world(t)
  const gateway = await startCluster(t, w, 1, '', ADMIN)
  await gateway.known()
  const token = await w.token()
  const revokedBefore = '2020-01-01T00:00:00.000Z'
  const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as {
    sub: string
    iss: string
  }
  await ask(t, gateway, 'post', '/revocations', { subject: claims.sub, iss: claims.iss, revokedBefore })
  const { verdict, names } = await explain(t, gateway, { token })
  t.strictSame(verdict, { accepted: true })
  t.match(
    names.filter(({ listed }) => listed),
    [{ name: 'subject', issuer: 'its own', revokes: false, record: { revokedBefore } }],
  )
  const looked = await ask(t, gateway, 'post', '/revocations/lookup', { subject: claims.sub })
  t.match(JSON.parse(looked.text), { revoked: true, records: [{ revokedBefore }] }, 'of each configured issuer')
})

t.test('the answers are as docs/admin-openapi.yaml has them, and every path of it exists', async (t) => {
  const w = await world(t)
  const gateway = await startCluster(t, w, 2, '', ADMIN)
  await gateway.ready(2)
  for (const path of ['/', '/status.css', '/status.js', '/live', '/health', '/ready', '/status', '/metrics']) {
    t.equal((await ask(t, gateway, 'get', path, undefined, '')).status, 200, path)
  }
  for (const path of ['/revocations', '/revocations/lookup', '/explain', '/log-level', '/reload']) {
    t.equal((await ask(t, gateway, 'post', path, { jti: 'a' }, 'wrong')).status, 401, path)
    t.equal((await ask(t, gateway, 'post', path, { unknown: 1 })).status, 400, path)
    t.equal((await ask(t, gateway, 'post', path, { token: 'a'.repeat(100_000) })).status, 413, path)
  }
  t.equal(Object.keys(DEFINITION.paths).length, 14)
  for (const body of [
    {},
    { token: 'a', jti: 'b' },
    { token: 'a', iss: 'b' },
    { jti: 'a', expiry: 1 },
    { token: 'a\nb' },
  ]) {
    t.equal((await ask(t, gateway, 'post', '/revocations/lookup', body)).status, 400, JSON.stringify(body))
  }
  for (const body of [{ level: 'loud' }, { level: 1 }, { level: 'debug', more: 1 }, []]) {
    t.equal((await ask(t, gateway, 'post', '/log-level', body)).status, 400, JSON.stringify(body))
  }
  for (const more of [{ method: 'GET' }, { path: '/a' }, { method: 'GET', path: 'a' }, { method: 'G T', path: '/a' }]) {
    t.equal((await ask(t, gateway, 'post', '/explain', { token: 'a', ...more })).status, 400, JSON.stringify(more))
  }
})

t.test('without an admin token nothing can be asked; what a gateway waits for is told', async (t) => {
  const w = await world(t)
  await w.stopHub()
  const gateway = await startCluster(t, w, 1)
  t.equal((await ask(t, gateway, 'get', '/ready', undefined, '')).status, 503)
  const status = JSON.parse((await ask(t, gateway, 'get', '/status', undefined, '')).text) as object
  t.match(status, { ready: false, revocations: { known: false, reason: /^waiting for/ } })
  for (const path of ['/revocations', '/revocations/lookup', '/explain', '/log-level', '/reload']) {
    t.equal((await ask(t, gateway, 'post', path, { token: 'a' })).status, 404, path)
  }
})

t.test('the level of the log is changed in the primary and in its workers', async (t) => {
  const w = await world(t)
  const gateway = await startCluster(t, w, 2, '', ADMIN)
  await gateway.ready(2)
  const level = async (body: object) => JSON.parse((await ask(t, gateway, 'post', '/log-level', body)).text)
  t.strictSame(await level({}), { level: 'debug' })
  t.strictSame(await level({ level: 'warn' }), { level: 'warn' })
  t.strictSame(await level({}), { level: 'warn' })
  const before = gateway.process.output().length
  await ask(t, gateway, 'post', '/revocations', { token: await w.token() }) // which every worker acknowledges
  t.equal(await gateway.status('a.b'), 401)
  t.strictSame(await level({ level: 'debug' }), { level: 'debug' })
  t.notMatch(gateway.process.output().slice(before), /INFO|DEBUG .* request refused/)
  while (servers(gateway.process.output().slice(before)).size < 2) await gateway.fresh('a.b')
})

/** The status of a request whose target is sent as it stands. */
function answerTo(origin: string, method: string, path: string, token: string): Promise<number> {
  const { hostname, port } = new URL(origin)
  const headers = { authorization: `Bearer ${token}` }
  return new Promise((resolve, reject) => {
    const req = request({ hostname, port, path, method, headers, agent: false }, (res) => {
      res.resume()
      res.on('end', () => resolve(res.statusCode ?? 0))
    })
    req.on('error', reject)
    req.end()
  })
}
