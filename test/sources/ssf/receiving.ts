import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { Test } from 'tap'
import { AccessTokenSource } from '../../../src/auth/index.js'
import { Secret } from '../../../src/config/index.js'
import { createHttpClient } from '../../../src/http-client/index.js'
import { type Fields, silent } from '../../../src/logging/index.js'
import type { RevocationRecord } from '../../../src/revocation/index.js'
import type { NoticeSink } from '../../../src/sources/identity-provider/index.js'
import type { SourceStatus } from '../../../src/sources/source.js'
import type { SsfParts, SsfSettings } from '../../../src/sources/ssf/managed-stream.js'
import { PollSource } from '../../../src/sources/ssf/poll-source.js'
import { PushSource } from '../../../src/sources/ssf/push-source.js'
import { POLL, PUSH } from '../../../src/sources/ssf/stream.js'
import { systemClock } from '../../../src/time/index.js'
import { Transmitter, type TransmitterOptions } from '../../ssf-receiver/transmitter.js'

const AUTHORIZATION = 'Bearer 0123456789abcdef'
/** Waits are so many times shorter. */
const HASTE = 50

export interface ReceivingOptions {
  readonly settings?: Partial<SsfSettings>
  readonly transmitter?: TransmitterOptions
  /** One that another receiver has already. */
  readonly shared?: Transmitter
  /** Called before the receiver starts. */
  readonly before?: (transmitter: Transmitter) => void
}

/** A transmitter, and where a receiver of its stream delivers. */
async function setUp(t: Test, { settings = {}, transmitter: given = {}, shared, before }: ReceivingOptions) {
  const transmitter = shared ?? (await Transmitter.start(given))
  const client = createHttpClient()
  const revoked: RevocationRecord[] = []
  const statuses: string[] = []
  const logged: Fields[] = []
  /** Milliseconds that a SET's `iat` may lie ahead. */
  const ahead = { now: 5_000 }
  /** What becomes of the next revocations. */
  const durable = { now: async () => {} }
  const waiting = new Set<() => void>()
  const changed = () => {
    for (const wake of [...waiting]) wake()
  }
  const sink: NoticeSink = {
    async revoke(records) {
      await durable.now()
      revoked.push(...records)
      changed()
    },
    state(status: SourceStatus, detail?: string) {
      statuses.push(detail === undefined ? status : `${status}: ${detail}`)
      changed()
    },
  }
  before?.(transmitter)
  const keep = (_: string, second: unknown, third?: unknown) => void logged.push((third ?? second ?? {}) as Fields)
  let elapsed = 0
  /** Milliseconds by which the receiver's clock runs ahead. */
  const skipped = { now: 0 }
  const parts: Omit<SsfParts, 'delivery'> = {
    name: 'idp ssf',
    tokenIssuer: transmitter.issuer,
    settings: {
      transmitter: transmitter.issuer,
      streamId: undefined,
      description: 'mgw',
      events: ['session-revoked', 'sessions-revoked', 'account-disabled', 'account-purged'],
      emailClaim: undefined,
      ignoredSubjectMembers: [],
      pollInterval: 1_000,
      verificationInterval: 0,
      ...settings,
    },
    keys: [],
    client,
    token: new AccessTokenSource({
      grant: {
        type: 'client_credentials',
        url: `${transmitter.issuer}/token`,
        clientId: 'gateway',
        clientSecret: new Secret('secret'),
        scopes: '',
      },
      authentication: 'AUTH_HEADER_BEARER',
      client,
      now: () => (elapsed += 2_000), // a token that is rejected is never a fresh one
    }),
    latest: () => Date.now() + ahead.now,
    clock: {
      ...systemClock,
      elapsed: () => systemClock.elapsed() + skipped.now,
      after: (delay, action) => systemClock.after(delay / HASTE, action),
    },
    logger: { ...silent('test'), warn: keep, error: keep, info: keep },
  }
  const stop = new AbortController()
  const run = (source: { run(sink: NoticeSink, signal: AbortSignal): Promise<void> }) => {
    const ended = source.run(sink, stop.signal)
    t.teardown(async () => {
      stop.abort()
      await client.destroy()
      await ended
      if (shared === undefined) await transmitter.close()
    })
  }
  /** Resolves when something holds; asks whenever the sink is told something. */
  const until = async (is: () => boolean) => {
    while (!is()) await new Promise<void>((resolve) => waiting.add(resolve))
  }
  const status = () => statuses.at(-1) ?? ''
  const isStatus = (start: string) => until(() => status().startsWith(start))
  const [key] = transmitter.keys
  if (key === undefined) throw new Error('no key')
  const to = { issuer: transmitter.issuer, audience: transmitter.audience, key, subjectIssuer: transmitter.issuer }
  return {
    transmitter,
    to,
    parts,
    run,
    sink,
    revoked,
    statuses,
    status,
    isStatus,
    until,
    logged,
    durable,
    ahead,
    skipped,
    stop,
  }
}

/** A receiver that polls. */
export async function polling(t: Test, options: ReceivingOptions = {}) {
  const world = await setUp(t, options)
  const source = new PollSource({ ...world.parts, delivery: { method: POLL } })
  world.run(source)
  return { ...world, source }
}

/** A receiver that is pushed to, at a server of its own. */
export async function pushed(t: Test, options: ReceivingOptions = {}) {
  const world = await setUp(t, options)
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.closeAllConnections())
  t.teardown(() => server.close())
  const endpointUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/ssf/idp`
  const delivery = { method: PUSH, endpointUrl, authorization: AUTHORIZATION } as const
  const source = new PushSource({ ...world.parts, delivery }, '/ssf/idp', new Secret(AUTHORIZATION))
  server.on('request', async (req, res) => {
    const { 'content-type': contentType, authorization } = req.headers
    const body = (await buffer(req)).toString()
    const answer = await source.receive({ path: '/ssf/idp', contentType, authorization, body }, world.sink)
    res.writeHead(answer.status, { 'content-type': 'application/json' })
    res.end(answer.body === undefined ? '' : JSON.stringify(answer.body))
  })
  world.run(source)
  return { ...world, source, target: { url: endpointUrl, authorization: AUTHORIZATION } }
}
