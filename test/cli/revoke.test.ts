import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { etcdMissing, startEtcd } from '../services/etcd.js'
import { freePort } from '../services/free-port.js'
import { jtiOf, startGateway, type World, world } from '../support/gateway.js'
import { mgw } from '../support/mgw.js'

async function revoke(t: Test, args: readonly string[], input?: string) {
  const run = mgw(t, ['revoke', ...args], {}, input)
  const status = await run.ended()
  return { status, output: run.output() }
}

const ETCD = (url: string) => `enablePersistentStorageRetrieval = true\ntype = "etcd"\nendpointURL = "${url}"`
const NO_TOPIC = 'enableRealtimeMessageRetrieval = false'

/** A JWT that nobody signed: `mgw revoke` verifies nothing. */
function jwt(claims: object): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${encode({ alg: 'RS256' })}.${encode(claims)}.c2lnbmF0dXJl`
}

t.test('etcd and a topic', { skip: etcdMissing() }, async (t) => {
  const [w, etcd] = [await world(t), await startEtcd(t)]

  t.test('a token is refused at once by a gateway that has only the topic, and one that has only etcd', async (t) => {
    const persistent = ETCD(etcd.url)
    const told = w.configFile('', { persistent })
    const byTopic = await startGateway(t, w.configFile('', { persistent: '' }, 'by-topic'))
    const byStore = await startGateway(t, w.configFile('', { realtime: NO_TOPIC, persistent }, 'by-store'))
    const [token, control] = [await w.token(), await w.token()]
    for (const gateway of [byTopic, byStore]) {
      await gateway.known()
      t.equal(await gateway.status(token), 200)
    }
    const { status, output } = await revoke(t, ['-', '-c', told], `${token}\n`)
    t.equal(status, 0, output)
    t.match(output, /store +etcd +written/)
    t.match(output, /topic +tokenRevocation over AMQP 1.0 +published/)
    t.notOk(output.includes(token) || output.includes(jtiOf(token)), 'the token is not printed')
    for (const gateway of [byTopic, byStore]) {
      while ((await gateway.status(token)) !== 401);
      t.equal(await gateway.status(control), 200)
    }
  })

  t.test('what is written, by which API', async (t) => {
    const exp = Math.floor(Date.now() / 1000) + 3_600
    const keys = (api: 2 | 3) => (api === 3 ? etcd.ctl(3, 'get', '--prefix', 'jti/') : etcd.ctl(2, 'get', 'jti/of-v2'))
    const v3 = w.configFile('', { realtime: NO_TOPIC, persistent: ETCD(`${etcd.url}/v3/keys/jti/`) })
    t.equal((await revoke(t, [jwt({ jti: 'of-the-claims', exp }), '-c', v3])).status, 0)
    t.match(await keys(3), `jti/of-the-claims\n{"expiresAt":${exp * 1000}}`, 'a JWT by its jti, with its exp')
    t.equal((await revoke(t, [jwt({ sub: 'no jti' }), '-c', v3])).status, 0)
    t.match(await keys(3), 'jti/c2lnbmF0dXJl\n', 'without a jti, by its signature')
    t.equal((await revoke(t, ['urn.example.4711', '-c', v3, '--expires-at', '2100-01-01T00:00:00Z'])).status, 0)
    t.match(await keys(3), `jti/urn.example.4711\n{"expiresAt":${Date.UTC(2100, 0)}}`, 'a jti as it stands')
    const v2 = w.configFile('', { realtime: NO_TOPIC, persistent: ETCD(`${etcd.url}/v2/keys/jti/`) })
    t.equal((await revoke(t, ['of-v2', '-c', v2, '--expires-at', String(exp)])).status, 0)
    t.match(await keys(2), `{"expiresAt":${exp * 1000}}`)
  })

  t.test('of one issuer: a token, tokens with certain claims, or all', async (t) => {
    const config = w.configFile('', { persistent: ETCD(`${etcd.url}/v3/keys/jti/`) })
    const keys = () => etcd.ctl(3, 'get', '--prefix', 'jti-records/')
    const of = ['--issuer', 'https://a.example', '-c', config]
    t.match(await revoke(t, ['j-1', ...of]), { status: 0, output: /written/ })
    t.match(await keys(), 'jti-records/of/https%3A%2F%2Fa.example/token/j-1\n')
    const claims = await revoke(t, ['--claim', 'tenant=acme', '--claim', 'act.sub=b=c', ...of])
    t.match(claims, { status: 0, output: /with the given tenant, act.sub, issued before 20/ })
    t.match(claims.output, /topic .*not published: its events name tokens only/)
    t.notMatch(claims.output, /acme/)
    t.match(
      await keys(),
      `jti-records/of/https%3A%2F%2Fa.example/claims/${encodeURIComponent('{"act.sub":"b=c","tenant":"acme"}')}\n`,
    )
    t.match(await revoke(t, ['--claim', 'tenant=acme', '-c', config]), { status: 0, output: /of any issuer/ })
    t.match(await keys(), `jti-records/claims/${encodeURIComponent('{"tenant":"acme"}')}\n`)
    t.match(await revoke(t, ['--all', ...of]), { status: 0, output: /tokens of https:\/\/a.example, issued before/ })
    t.match(await keys(), 'jti-records/issuer/https%3A%2F%2Fa.example\n')
  })

  t.test('one that fails does not keep the other from it: 1, and it says which', async (t) => {
    const absent = `http://127.0.0.1:${await freePort()}`
    const config = w.configFile('', { persistent: ETCD(absent) })
    const { status, output } = await revoke(t, ['some-secret-jti', '-c', config])
    t.equal(status, 1)
    t.match(output, /store +etcd +FAILED: /)
    t.match(output, /topic .*published/)
    t.notMatch(output, /some-secret-jti/)
  })
})

t.test('an event hub takes none: what only the topic got is published and not stored, and says so', async (t) => {
  const w = await world(t)
  const both = await revoke(t, ['some-jti', '-c', w.configFile()])
  t.match(both.output, /store +event hub +not written: the store is read-only/)
  t.match(both, { status: 3, output: /published, but not stored/ })
  const topicAlone = await revoke(t, ['some-jti', '-c', w.configFile('', { persistent: '' })])
  t.match(topicAlone, { status: 3, output: /topic .*published/ })
  const alone = await revoke(t, ['some-jti', '-c', w.configFile('', { realtime: NO_TOPIC })])
  t.match(alone, { status: 2, output: /nothing was revoked/ })
})

t.test(
  'a rule is about what was issued by now, also by an issuer whose clock is ahead; a store may keep none, or no issuers',
  async (t) => {
    const w = await world(t)
    const records = join(w.directory, 'records')
    const ownStore = (name: string, members: string) => {
      const module = join(w.directory, `${name}.mjs`)
      const made = `export const createStore = () => ({ name: 'own', async *list() {}, ${members} })`
      writeFileSync(module, `import { appendFileSync } from 'node:fs'\n${made}`)
      const persistent = `enablePersistentStorageRetrieval = true\ntype = "own"\nmodule = "${module}"`
      return w.configFile('', { realtime: NO_TOPIC, persistent }, name)
    }
    const put = `async put(record) { appendFileSync('${records}', JSON.stringify(record)) }`
    const before = Date.now()
    const [kept, notKept, widened] = await Promise.all([
      revoke(t, ['--all', '--issuer', 'i', '-c', ownStore('keeps', `keepsIssuers: true, ${put}`)]),
      revoke(t, ['--claim', 'a=b', '-c', ownStore('keeps-none', put)]),
      revoke(t, ['j', '--issuer', 'i', '-c', ownStore('keeps-no-issuers', 'async put() {}')]),
    ])
    t.equal(kept.status, 0, kept.output)
    const { revokedBefore } = JSON.parse(readFileSync(records, 'utf8')) as { revokedBefore: number }
    t.ok(revokedBefore >= before + 5_000 && revokedBefore <= Date.now() + 5_000)
    t.match(kept.output, new Date(revokedBefore).toISOString())
    t.match(notKept, {
      status: 2,
      output: /store +own +not written: the store keeps no revocations of this kind \(claims\)/,
    })
    t.match(widened, { status: 0, output: /store +own +written: without the issuer, .* other issuers' tokens/ })
  },
)

t.test('invalid arguments: exit status 2, and nothing is revoked', async (t) => {
  const w: World = await world(t)
  const nowhere = w.configFile('', { realtime: NO_TOPIC, persistent: '' })
  t.match(await revoke(t, ['jti', '-c', nowhere]), { status: 2, output: /nothing was revoked/ })
  t.match(await revoke(t, ['-', '-c', w.configFile()], '\n'), { status: 2, output: /expected a token or a jti/ })
  const spaced = { status: 2, output: /expected a token or a jti: .* visible ASCII/ }
  t.match(await revoke(t, [' 4711', '-c', nowhere]), spaced, 'which is another jti than 4711')
  t.match(await revoke(t, ['-', '-c', nowhere], '4711 \r\n'), spaced)
  t.match(await revoke(t, ['jti', '-c', w.configFile(), '--expires-at', 'soon']), { status: 2, output: /--expires-at/ })
  t.match(await revoke(t, ['jti', '-c', w.configFile(), '--expires-at', '1000']), {
    status: 2,
    output: /in the future/,
  })
  t.equal((await revoke(t, ['-c', w.configFile()])).status, 2)
  const cases = [
    [['--issuer', 'i'], /expected one of: a token or its jti, --claim, --all/],
    [['jti', '--all', '--issuer', 'i'], /expected one of/],
    [['--all'], /--all requires --issuer/],
    [['jti', '--issuer', ''], /--issuer: expected/],
    [[jwt({ jti: 'j', iss: 'a' }), '--issuer', 'b'], /--issuer: not the issuer that the token names/],
    [['--claim', 'tenant'], /--claim: expected name=value/],
    [['--claim', 'a=1', '--claim', 'a=2'], /--claim: .* each name once/],
  ] as const
  const runs = cases.map(async ([args, output]) => {
    t.match(await revoke(t, [...args, '-c', nowhere]), { status: 2, output })
  })
  await Promise.all(runs)
})
