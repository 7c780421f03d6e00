import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Secret } from '../../src/config/index.js'
import { startBroker } from '../../src/demo/broker/index.js'
import type { Teardowns } from '../chaos/teardowns.js'
import { startGateway } from '../support/gateway.js'
import { httpServer } from '../support/servers.js'
import { ALGORITHMS, createIssuer, type Issued } from './issuer.js'

const TOPIC = 'tokenRevocation'
const ADMIN_TOKEN = 'the-admins-own'

/** How a token is revoked: by one of its own names, or by a rule that it falls under. */
export const BY = ['jti', 'signature', 'token', 'subject', 'client', 'session'] as const
export type By = (typeof BY)[number]

/** A token that is to be revoked, and by what. */
export interface Revoked {
  readonly by: By
  readonly issued: Issued
}

export interface World {
  readonly port: number
  /** Tokens of each algorithm, one a way to revoke it; those revoked by signature or as a whole also without a jti. */
  readonly revocable: readonly Revoked[]
  /** A token of each algorithm that nobody revokes. */
  readonly controls: readonly Issued[]
  /** The paths, without `/up`, that have reached the upstream. */
  readonly reached: Set<string>
  revoke(token: Revoked): Promise<void>
  /** What the gateway has logged. */
  log(): string
}

/** A gateway in a process of its own, between raw clients and an upstream that answers 200 to whatever reaches it. */
export async function openWorld(t: Pick<Teardowns, 'teardown'>, workers: number): Promise<World> {
  const directory = mkdtempSync(join(tmpdir(), 'mgw-respell-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const issuer = await createIssuer('https://issuer.example')
  const reached = new Set<string>()
  const upstream = await httpServer(t, (req, res) => {
    req.resume()
    if (req.url !== '/jwks') reached.add((req.url ?? '').replace('/up', ''))
    res.end(req.url === '/jwks' ? issuer.jwks : '{"ok":true}')
  })
  const broker = await startBroker({ port: 0, username: 'admin', password: new Secret('admin') })
  t.teardown(() => broker.close())
  const file = join(directory, 'micro-gw.conf')
  mkdirSync(join(directory, 'api_definitions'))
  writeFileSync(file, config({ ...upstream, issuer: issuer.name, broker: broker.port, workers }))
  const gateway = await startGateway(t, file)
  await gateway.known()

  const issue = async (by: By, jti = true) =>
    Promise.all(ALGORITHMS.map(async (alg) => ({ by, issued: await issuer.issue(alg, { jti }) })))
  return {
    port: Number(new URL(gateway.http).port),
    revocable: (
      await Promise.all([...BY.map((by) => issue(by)), issue('signature', false), issue('token', false)])
    ).flat(),
    controls: await Promise.all(ALGORITHMS.map((alg) => issuer.issue(alg))),
    reached,
    async revoke(token) {
      const event = eventOf(token)
      if (event !== undefined) broker.publish(TOPIC, event)
      else await post(gateway.admin, { session: token.issued.sid })
    },
    log: () => gateway.process.output(),
  }
}

/** What is published; nothing for a session: there is no such event. */
function eventOf({ by, issued }: Revoked): Record<string, string | number> | undefined {
  const rule = (type: string, entity: object) => ({
    type,
    revokedToken: Buffer.from(JSON.stringify({ ...entity, revocationTime: Date.now() + 1 })).toString('base64'),
  })
  const token = (revokedToken: string) => ({ revokedToken, ttl: '3600', expiryTime: Date.now() + 7_200_000 })
  switch (by) {
    case 'jti':
      return token(issued.jti ?? '')
    case 'signature':
      return token(issued.jwt.split('.')[2] ?? '')
    case 'token':
      return token(issued.jwt)
    case 'subject':
      return rule('subject_entity_revocation_event', { entityType: 'USER_ID', entityId: issued.sub })
    case 'client':
      return rule('consumer_app_revocation_event', { consumerKey: issued.clientId })
    case 'session':
      return undefined
  }
}

async function post(admin: string, body: object): Promise<void> {
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' }
  const answer = await fetch(`${admin}/revocations`, { method: 'POST', headers, body: JSON.stringify(body) })
  if (answer.status !== 204) throw new Error(`the admin listener answered ${answer.status}`)
}

function config(at: { origin: string; issuer: string; broker: number; workers: number }): string {
  return `
[server]
  workers = ${at.workers}
[listenerConfig]
  host = "127.0.0.1"
  httpPort = 0
  httpsPort = 0
[admin]
  port = 0
  token = "${ADMIN_TOKEN}"
[[apis]]
  name = "things"
  basePath = "/things"
  endpoints = "${at.origin}/up"
[[jwtTokenConfig]]
  issuer = "${at.issuer}"
  jwksURL = "${at.origin}/jwks"
[tokenRevocationConfig.realtime]
  enableRealtimeMessageRetrieval = true
  jmsConnectionTopic = "${TOPIC}"
  jmsConnectionProviderUrl = "amqp10://localhost:${at.broker}"
  jmsConnectionUsername = "admin"
  jmsConnectionPassword = "admin"
`
}
