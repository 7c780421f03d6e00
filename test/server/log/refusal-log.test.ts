import { createHash } from 'node:crypto'
import t from 'tap'
import { LINES_A_SECOND } from '../../../src/server/log/line-limit.js'
import { etcdMissing, startEtcd } from '../../services/etcd.js'
import type { Issued } from '../../support/issuer.js'
import { type By, type IssuingWorld, issuingWorld } from '../../support/issuing-world.js'

const LINE =
  /INFO \[wso2\/gateway\] - \[AuthnFilter\] \[([0-9a-z-]+)\] revoked token refused api=(\S+) reason=(\S+) by=(\S+) source=("[^"]+"|\S+) learnt=(\S+) token=([0-9a-f]{12})(?: leftOut=(\d+))?\n/g

const hashOf = ({ jwt }: Issued) => createHash('sha256').update(jwt).digest('hex').slice(0, 12)
const ask = async ({ gateway }: IssuingWorld, { jwt }: Issued) =>
  (await fetch(`${gateway.http}/things/1`, { headers: { authorization: `Bearer ${jwt}` } })).status

t.test('a refusal says by what, from which source, and since when', { skip: etcdMissing() }, async (t) => {
  const etcd = await startEtcd(t)
  const persistent = `enablePersistentStorageRetrieval = true\ntype = "etcd"\nendpointURL = "${etcd.url}/v3/keys/jti/"`
  const world = await issuingWorld(t, { persistent })
  const cases: readonly [revoked: By | 'operator' | 'etcd', by: string, source: RegExp][] = [
    ['jti', 'jti', /amqp-1-0/],
    ['signature', 'signature', /amqp-1-0/],
    ['token', 'signature', /amqp-1-0/],
    ['subject', 'subject', /amqp-1-0/],
    ['client', 'client', /amqp-1-0/],
    ['session', 'session', /gateway/],
    ['operator', 'jti', /gateway/],
    ['etcd', 'jti', /etcd/],
  ]
  const tokens: Issued[] = []
  for (const [revoked, by, source] of cases) {
    const token = await world.issue('ES256')
    tokens.push(token)
    t.equal(await ask(world, token), 200)
    const since = Date.now()
    if (revoked === 'etcd') await etcd.ctl(3, 'put', `jti/${token.jti}`, '{}')
    else if (revoked === 'operator') await world.post({ jti: token.jti })
    else await world.revoke(revoked, token)
    while ((await ask(world, token)) !== 401);
    await world.gateway.process.printed(new RegExp(`token=${hashOf(token)}`))
    const line = [...world.gateway.process.output().matchAll(LINE)].find(([, ...parts]) => parts[6] === hashOf(token))
    t.match(line, [/./, /^\w+-\w+-\w+$/, 'things', 'revoked', by, source], `${revoked}: ${line?.[0]}`)
    const learnt = Date.parse(line?.[6] ?? '')
    t.ok(learnt > since - 2_000 && learnt <= Date.now(), 'to the second')
  }
  const output = world.gateway.process.output()
  const ids = [...output.matchAll(LINE)].map(([, id]) => id)
  t.equal(new Set(ids).size, ids.length, 'each request has an id of its own')
  for (const { jwt, jti, sub, sid, clientId } of tokens) {
    for (const secret of [jwt, jwt.split('.')[2], jti, sub, sid, clientId]) t.notOk(output.includes(secret ?? ''))
  }
})

t.test('of many refusals a second a few are written, and how many were left out', async (t) => {
  const world = await issuingWorld(t)
  const token = await world.issue('ES256')
  await world.post({ token: token.jwt })
  const count = 10 * LINES_A_SECOND
  const statuses = await Promise.all(Array.from({ length: count }, () => ask(world, token)))
  t.strictSame([...new Set(statuses)], [401])
  const told = (output = world.gateway.process.output()) => {
    const leftOut = [...output.matchAll(/ leftOut=(\d+)/g)].reduce((sum, [, number]) => sum + Number(number), 0)
    return { lines: [...output.matchAll(LINE)].length, leftOut }
  }
  await world.gateway.process.wrote((output) => told(output).lines + told(output).leftOut >= count)
  const { lines, leftOut } = told()
  t.equal(lines + leftOut, count)
  t.ok(leftOut > 0, `${lines} lines`)
})

t.test('a request whose token is revoked while the upstream thinks is refused in the same words', async (t) => {
  let reached: () => void = () => undefined
  const atUpstream = new Promise<void>((resolve) => {
    reached = resolve
  })
  const world = await issuingWorld(t, { upstream: () => reached() })
  const token = await world.issue('ES256')
  const status = ask(world, token)
  await atUpstream
  await world.post({ jti: token.jti })
  t.equal(await status, 401)
  const [line] = await world.gateway.process.printed(new RegExp(LINE.source))
  t.match(line, `token=${hashOf(token)}`)
})
