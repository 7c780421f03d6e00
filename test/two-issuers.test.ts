import t, { type Test } from 'tap'
import { etcdMissing, startEtcd } from './services/etcd.js'
import { startGateway } from './support/gateway.js'
import { createIssuer, type Issuer } from './support/issuer.js'
import { issuingWorld } from './support/issuing-world.js'
import { httpServer } from './support/servers.js'

const A = 'https://issuer.example'
const B = 'https://other.example'
const WORKERS = 4

/** What a token may be revoked by at its issuer. */
const BY = ['jti', 'sub', 'azp', 'sid', 'claims'] as const
type By = (typeof BY)[number]

interface Pair {
  readonly names: Record<string, string>
  readonly a: string
  readonly b: string
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

async function twoIssuers(t: Test, persistent: string) {
  const other = await createIssuer(B)
  const { origin } = await httpServer(t, (_, res) => res.end(other.jwks))
  const world = await issuingWorld(t, {
    workers: WORKERS,
    realtime: `issuer = "${A}"`,
    persistent: `${persistent}\nissuer = "${A}"`,
    more: `[[jwtTokenConfig]]\n  issuer = "${B}"\n  jwksURL = "${origin}"\n`,
  })
  return { world, pair: (name: string) => pairOf(world, other, name) }
}

/** A token's answers on connections of their own: each worker gives some. */
async function statuses(origin: string, token: string): Promise<number[]> {
  const headers = { authorization: `Bearer ${token}`, connection: 'close' }
  return Promise.all(
    Array.from({ length: 3 * WORKERS }, async () => (await fetch(`${origin}/things/1`, { headers })).status),
  )
}

t.test(
  'what one issuer revokes spares the tokens of another with the same names: by each source and the admin API, on 4 workers, after kill -9 without sources',
  { skip: etcdMissing(), timeout: 120_000 },
  async (t) => {
    const etcd = await startEtcd(t)
    const { world, pair } = await twoIssuers(
      t,
      `enablePersistentStorageRetrieval = true\ntype = "etcd"\nendpointURL = "${etcd.url}/v3/keys/jti/"`,
    )
    const rule = JSON.stringify({ revokedBefore: Date.now() })
    const entity = (entity: object) =>
      Buffer.from(JSON.stringify({ ...entity, revocationTime: Date.now() })).toString('base64')
    const put = (key: string, value: string) => etcd.ctl(3, 'put', key, value)
    const ways: Record<string, Partial<Record<By, (names: Pair['names']) => unknown>>> = {
      topic: {
        jti: ({ jti = '' }) => world.publish({ revokedToken: jti }),
        sub: ({ sub }) =>
          world.publish({
            type: 'subject_entity_revocation_event',
            revokedToken: entity({ entityType: 'USER_ID', entityId: sub }),
          }),
        azp: ({ azp }) =>
          world.publish({ type: 'consumer_app_revocation_event', revokedToken: entity({ consumerKey: azp }) }),
      },
      store: {
        jti: ({ jti }) => put(`jti/${jti}`, 'true'),
        sub: ({ sub }) => put(`jti-records/subject/${sub}`, rule),
        azp: ({ azp }) => put(`jti-records/client/${azp}`, rule),
        sid: ({ sid }) => put(`jti-records/session/${sid}`, rule),
        claims: ({ tenant }) => put(`jti-records/claims/${encodeURIComponent(JSON.stringify({ tenant }))}`, rule),
      },
      admin: {
        jti: ({ jti }) => world.post({ jti, iss: A }),
        sub: ({ sub }) => world.post({ subject: sub, iss: A }),
        azp: ({ azp }) => world.post({ clientId: azp, iss: A }),
        sid: ({ sid }) => world.post({ session: sid, iss: A }),
        claims: ({ tenant, sub = '' }) => world.post({ claims: { tenant, sub }, iss: A }),
      },
    }
    const revoked: Pair[] = []
    const { http } = world.gateway
    const control = pair('control')
    for (const [source, bys] of Object.entries(ways)) {
      for (const by of BY) {
        const revoke = bys[by]
        if (revoke === undefined) continue
        const tokens = pair(`${source}-${by}`)
        t.same(new Set(await statuses(http, tokens.a)), new Set([200]), `${source}, ${by}: before`)
        await revoke(tokens.names)
        while ((await statuses(http, tokens.a)).some((status) => status !== 401));
        t.same(new Set(await statuses(http, tokens.b)), new Set([200]), `${source}, ${by}: the other issuer's`)
        revoked.push(tokens)
      }
    }
    t.same(new Set(await statuses(http, control.a)), new Set([200]))

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
