import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { parseConfig } from '../src/config/index.js'
import { openPublisher } from '../src/sources/index.js'
import { activemqMissing, startActiveMQ } from './services/activemq.js'
import { etcdMissing, startEtcd } from './services/etcd.js'
import { json, startHub } from './services/event-hub.js'
import { rabbitmqMissing, startRabbitMQ } from './services/rabbitmq.js'
import { startGateway } from './support/gateway.js'
import { createIssuer, type Issuer } from './support/issuer.js'
import { type IssuingWorld, type IssuingWorldOptions, issuingWorld } from './support/issuing-world.js'
import { httpServer } from './support/servers.js'

const A = 'https://issuer.example'
const B = 'https://other.example'
const WORKERS = 4

/** What a token may be revoked by at its issuer. */
const BY = ['jti', 'sub', 'azp', 'sid', 'claims'] as const
type By = (typeof BY)[number]
/** How a source is told of each, as far as it can. */
type Ways = Partial<Record<By, (names: Pair['names']) => unknown>>

interface Pair {
  readonly names: Record<string, string>
  readonly a: string
  readonly b: string
}

interface Issuers {
  readonly world: IssuingWorld
  readonly pair: (name: string) => Pair
}

/** Two tokens that have all names in common, and different issuers. */
function pairOf(a: Issuer, b: Issuer, name: string): Pair {
  const names = { jti: `j-${name}`, sub: `s-${name}`, azp: `c-${name}`, sid: `i-${name}`, tenant: `t-${name}` }
  const now = Math.floor(Date.now() / 1000)
  const signed = (issuer: Issuer, iss: string) =>
    issuer.signRaw(
      JSON.stringify({ alg: 'RS256', kid: 'RS256' }),
      JSON.stringify({ iss, iat: now - 10, exp: now + 3_600, ...names }),
    )
  return { names, a: signed(a, A), b: signed(b, B) }
}

/** A gateway that trusts both, and whose topic and store, which `persistent` enables, speak for A. */
async function twoIssuers(t: Test, persistent: string, more: IssuingWorldOptions = {}): Promise<Issuers> {
  const other = await createIssuer(B)
  const { origin } = await httpServer(t, (_, res) => res.end(other.jwks))
  const world = await issuingWorld(t, {
    ...more,
    realtime: `issuer = "${A}"`,
    persistent: persistent && `enablePersistentStorageRetrieval = true\n${persistent}\nissuer = "${A}"`,
    more: `[[jwtTokenConfig]]\n  issuer = "${B}"\n  jwksURL = "${origin}"\n`,
  })
  return { world, pair: (name) => pairOf(world, other, name) }
}

/** A token's answers on connections of their own: each worker gives some. */
async function statuses(origin: string, token: string, count = 3 * WORKERS): Promise<number[]> {
  const headers = { authorization: `Bearer ${token}`, connection: 'close' }
  return Promise.all(Array.from({ length: count }, async () => (await fetch(`${origin}/things/1`, { headers })).status))
}

/** Revokes A's token in each way, and sees B's, of the same names, live on. Resolves to the tokens. */
async function revokeEach(t: Test, { world, pair }: Issuers, source: string, ways: Ways, count?: number) {
  const { http } = world.gateway
  const revoked: Pair[] = []
  for (const by of BY) {
    const revoke = ways[by]
    if (revoke === undefined) continue
    const tokens = pair(`${source}-${by}`)
    t.same(new Set(await statuses(http, tokens.a, count)), new Set([200]), `${source}, ${by}: before`)
    await revoke(tokens.names)
    while ((await statuses(http, tokens.a, count)).some((status) => status !== 401));
    t.same(new Set(await statuses(http, tokens.b, count)), new Set([200]), `${source}, ${by}: the other issuer's`)
    revoked.push(tokens)
  }
  return revoked
}

/** WSO2's events, which name no session and no claims. */
function topicWays(publish: (event: Record<string, string>) => unknown): Ways {
  const entity = (entity: object) =>
    Buffer.from(JSON.stringify({ ...entity, revocationTime: Date.now() })).toString('base64')
  return {
    jti: ({ jti = '' }) => publish({ revokedToken: jti }),
    sub: ({ sub }) =>
      publish({
        type: 'subject_entity_revocation_event',
        revokedToken: entity({ entityType: 'USER_ID', entityId: sub }),
      }),
    azp: ({ azp }) => publish({ type: 'consumer_app_revocation_event', revokedToken: entity({ consumerKey: azp }) }),
  }
}

function etcdWays(put: (key: string, value: string) => unknown): Ways {
  const rule = JSON.stringify({ revokedBefore: Date.now() })
  return {
    jti: ({ jti }) => put(`jti/${jti}`, 'true'),
    sub: ({ sub }) => put(`jti-records/subject/${sub}`, rule),
    azp: ({ azp }) => put(`jti-records/client/${azp}`, rule),
    sid: ({ sid }) => put(`jti-records/session/${sid}`, rule),
    claims: ({ tenant }) => put(`jti-records/claims/${encodeURIComponent(JSON.stringify({ tenant }))}`, rule),
  }
}

t.test(
  'what one issuer revokes spares the tokens of another with the same names: by topic, store and admin API, on 4 workers, after kill -9 without sources',
  { skip: etcdMissing(), timeout: 120_000 },
  async (t) => {
    const etcd = await startEtcd(t)
    const store = `type = "etcd"\nendpointURL = "${etcd.url}/v3/keys/jti/"`
    const issuers = await twoIssuers(t, store, { workers: WORKERS })
    const { world, pair } = issuers
    const ways: Record<string, Ways> = {
      topic: topicWays((event) => world.publish(event)),
      store: etcdWays((key, value) => etcd.ctl(3, 'put', key, value)),
      admin: {
        jti: ({ jti }) => world.post({ jti, iss: A }),
        sub: ({ sub }) => world.post({ subject: sub, iss: A }),
        azp: ({ azp }) => world.post({ clientId: azp, iss: A }),
        sid: ({ sid }) => world.post({ session: sid, iss: A }),
        claims: ({ tenant, sub = '' }) => world.post({ claims: { tenant, sub }, iss: A }),
      },
    }
    const control = pair('control')
    const revoked: Pair[] = []
    for (const [source, by] of Object.entries(ways)) revoked.push(...(await revokeEach(t, issuers, source, by)))
    t.same(new Set(await statuses(world.gateway.http, control.a)), new Set([200]))

    // By the admin API alone: it waits until the journal has it. The others' are in the journal by the same write.
    await world.post({ jti: 'last' })
    await world.gateway.process.end('SIGKILL')
    await etcd.kill()
    await world.stopBroker()
    const again = await startGateway(t, world.configFile)
    await again.known()
    for (const { a, b, names } of revoked) {
      t.same(new Set(await statuses(again.http, a)), new Set([401]), `${names.jti}: after a restart`)
      t.same(new Set(await statuses(again.http, b)), new Set([200]), `${names.jti}: the other issuer's after a restart`)
    }
    t.same(new Set(await statuses(again.http, control.a)), new Set([200]))

    const answer = await fetch(`${again.admin}/revocations`, {
      method: 'POST',
      headers: { authorization: 'Bearer the-admins-own', 'content-type': 'application/json' },
      body: JSON.stringify({ issuer: A }),
    })
    t.equal(answer.status, 204)
    t.same(new Set(await statuses(again.http, control.a)), new Set([401]), 'all tokens of an issuer')
    t.same(new Set(await statuses(again.http, control.b)), new Set([200]))
  },
)

/** Lets the gateway list its store. */
const LIST = { type: 'token_revocation_batch', revokedToken: 'none' }

t.test("an event hub of one issuer's spares another's tokens", async (t) => {
  const hub = await startHub(t)
  const store = `type = "default"\nendpointURL = "${hub.url}"\nusername = "admin"\npassword = "admin"`
  const issuers = await twoIssuers(t, store)
  const now = Date.now()
  const answer = (list: string, entry: object) => {
    hub.answer(json({ [list]: [entry] }))
    issuers.world.publish(LIST)
  }
  await revokeEach(
    t,
    issuers,
    'hub',
    {
      jti: ({ jti }) => answer('revokedJWTList', { jwt_signature: jti, expiry_time: now + 3_600_000 }),
      sub: ({ sub }) =>
        answer('revokedJWTSubjectEntityList', { entity_id: sub, entity_type: 'USER_ID', revocation_time: now }),
      azp: ({ azp }) => answer('revokedJWTConsumerKeyList', { consumer_key: azp, revocation_time: now }),
    },
    1,
  )
})

t.test("etcd's v2 API of one issuer's spares another's tokens", { skip: etcdMissing() }, async (t) => {
  const etcd = await startEtcd(t)
  const issuers = await twoIssuers(t, `type = "etcd"\nendpointURL = "${etcd.url}/v2/keys/jti/"`)
  await revokeEach(
    t,
    issuers,
    'etcd v2',
    etcdWays((key, value) => etcd.ctl(2, 'set', key, value)),
    1,
  )
})

t.test("a custom store of one issuer's spares another's tokens", async (t) => {
  const [module, records] = ['store.mjs', 'records.json'].map((name) => join(t.testdir({}), name))
  if (module === undefined || records === undefined) return
  writeFileSync(records, '[]')
  writeFileSync(
    module,
    `import { readFileSync } from 'node:fs'
     export const createStore = () => ({ name: 'own', async *list() { yield* JSON.parse(readFileSync('${records}')) } })`,
  )
  const issuers = await twoIssuers(t, `type = "own"\nmodule = "${module}"`)
  const list = (record: object) => {
    writeFileSync(records, JSON.stringify([{ ...record, revokedBefore: Date.now() }]))
    issuers.world.publish(LIST)
  }
  await revokeEach(
    t,
    issuers,
    'module',
    {
      jti: ({ jti }) => list({ kind: 'token', id: jti }),
      sub: ({ sub }) => list({ kind: 'subject', id: sub }),
      azp: ({ azp }) => list({ kind: 'client', id: azp }),
      sid: ({ sid }) => list({ kind: 'session', id: sid }),
      claims: ({ tenant }) => list({ kind: 'claims', claims: { tenant } }),
    },
    1,
  )
})

const BROKERS = {
  'AMQP 0-9-1': {
    missing: rabbitmqMissing(),
    url: async (t: Test) =>
      `amqp://admin:admin@carbon/carbon?brokerlist='tcp://localhost:${(await startRabbitMQ(t)).port}'`,
  },
  OpenWire: {
    missing: activemqMissing(),
    url: async (t: Test) => `tcp://localhost:${(await startActiveMQ(t)).port}`,
  },
}
for (const [protocol, { missing, url }] of Object.entries(BROKERS)) {
  t.test(`a topic of one issuer's over ${protocol} spares another's tokens`, { skip: missing }, async (t) => {
    const issuers = await twoIssuers(t, '', { broker: await url(t) })
    const publisher = await openPublisher(parseConfig(readFileSync(issuers.world.configFile, 'utf8'), '/c', {}).config)
    if (publisher === undefined) throw new Error('no topic')
    const publish = (event: object) => publisher.publish(JSON.stringify({ event: { payloadData: event } }))
    await revokeEach(t, issuers, protocol, topicWays(publish), 1)
  })
}
