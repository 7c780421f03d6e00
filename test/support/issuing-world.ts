import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { Secret } from '../../src/config/index.js'
import { startBroker } from '../../src/demo/broker/index.js'
import { type RunningGateway, startGateway } from './gateway.js'
import { createIssuer, type Issued, type Issuer } from './issuer.js'
import { httpServer } from './servers.js'
import { sharedKeys } from './shared-keys.js'

const TOPIC = 'tokenRevocation'
const ADMIN_TOKEN = 'the-admins-own'

/** What revokes a token: one of its own names, or a rule that it falls under. */
export const BY = ['jti', 'signature', 'token', 'subject', 'client', 'session'] as const
export type By = (typeof BY)[number]

export interface IssuingWorldOptions {
  /** What the upstream answers; by default 200 to whatever reaches it. */
  readonly upstream?: RequestListener
  readonly workers?: number
  /** Lines at the configuration's end. */
  readonly more?: string
  /** The URL of another broker than the test's own, for admin/admin. */
  readonly broker?: string
  /** Further lines of `[tokenRevocationConfig.realtime]`. */
  readonly realtime?: string
  /** The body of `[tokenRevocationConfig.persistent]`. */
  readonly persistent?: string
  /** Further lines of the issuer's `[[jwtTokenConfig]]`. */
  readonly issuer?: string
  /** Further lines of `[listenerConfig]`. */
  readonly listener?: string
  /** The gateway's environment. */
  readonly env?: Record<string, string>
}

/** A gateway whose issuer is the test itself: tokens of any algorithm, of subjects and sessions of their own. */
export interface IssuingWorld extends Issuer {
  readonly gateway: RunningGateway
  readonly configFile: string
  /** Publishes on the topic whose or which token is revoked; a session, of which no event is known, is told the gateway. */
  revoke(by: By, issued: Issued): Promise<void>
  /** `POST /revocations`. */
  post(body: object): Promise<void>
  /** Publishes on the topic. */
  publish(event: Record<string, string | number>): void
  /** Ends the broker: nothing is heard of the topic any more. */
  stopBroker(): Promise<void>
}

/** Starts a gateway, in a process of its own, whose one API has the base path `/things`, and waits until it knows its list. */
export async function issuingWorld(
  t: Pick<Test, 'teardown'>,
  {
    upstream = (_, res) => res.end('{"ok":true}'),
    workers = 1,
    more = '',
    broker: brokerUrl,
    realtime = '',
    persistent = '',
    issuer: issuerLines = '',
    listener = '',
    env = {},
  }: IssuingWorldOptions = {},
): Promise<IssuingWorld> {
  const directory = mkdtempSync(join(tmpdir(), 'mgw-issuing-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const keys = await sharedKeys()
  keys.certificate(join(directory, 'data'))
  const issuer = await createIssuer('https://issuer.example')
  const { origin } = await httpServer(t, (req, res) =>
    req.url === '/jwks' ? res.end(issuer.jwks) : upstream(req, res),
  )
  const broker = await startBroker({ port: 0, username: 'admin', password: new Secret('admin') })
  t.teardown(() => broker.close())
  const file = join(directory, 'micro-gw.conf')
  mkdirSync(join(directory, 'api_definitions'))
  const url = brokerUrl ?? `amqp10://localhost:${broker.port}`
  writeFileSync(
    file,
    config({ origin, issuer: issuer.name, broker: url, workers, realtime, persistent, listener, issuerLines }) + more,
  )
  const gateway = await startGateway(t, file, env)
  await gateway.known()
  const post = async (body: object) => {
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' }
    const answer = await fetch(`${gateway.admin}/revocations`, { method: 'POST', headers, body: JSON.stringify(body) })
    if (answer.status !== 204) throw new Error(`the admin listener answered ${answer.status}`)
  }
  return {
    ...issuer,
    gateway,
    configFile: file,
    post,
    publish: (event) => broker.publish(TOPIC, event),
    stopBroker: () => broker.close(),
    async revoke(by, issued) {
      const event = eventOf(by, issued)
      if (event !== undefined) broker.publish(TOPIC, event)
      else await post({ session: issued.sid })
    },
  }
}

/** The event of WSO2's that revokes a token by one of its names; none for a session. */
export function eventOf(by: By, issued: Issued): Record<string, string | number> | undefined {
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

interface Addresses extends Required<Omit<IssuingWorldOptions, 'upstream' | 'more' | 'env' | 'issuer'>> {
  readonly issuerLines: string
  readonly origin: string
  readonly issuer: string
}

function config(at: Addresses): string {
  return `
[server]
  workers = ${at.workers}
[listenerConfig]
  host = "127.0.0.1"
  httpPort = 0
  httpsPort = 0
${at.listener}
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
${at.issuerLines}
[tokenRevocationConfig.realtime]
  enableRealtimeMessageRetrieval = true
  jmsConnectionTopic = "${TOPIC}"
  jmsConnectionProviderUrl = "${at.broker}"
  jmsConnectionUsername = "admin"
  jmsConnectionPassword = "admin"
${at.realtime}
[tokenRevocationConfig.persistent]
${at.persistent}
`
}
