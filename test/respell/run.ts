import { Random } from '../chaos/random.js'
import type { Teardowns } from '../chaos/teardowns.js'
import { canBeFields, exchangeHttp2 } from './http2-client.js'
import { exchange } from './raw-client.js'
import { drawAttempt, get } from './requests.js'
import { openWorld, type World } from './world.js'

export interface RespellOptions {
  /** How many re-spellings are sent. */
  readonly count: number
  readonly seed: number
  readonly workers?: number
}

/** What came of it. */
export interface Outcome {
  /** How many were answered with which status, in all and by kind of re-spelling. */
  readonly byStatus: ReadonlyMap<number, number>
  readonly byKind: ReadonlyMap<string, ReadonlyMap<number, number>>
  /** Requests with tokens of the same issuer that nobody revoked: all of them got 200. */
  readonly controls: number
  /** Re-spellings that were answered other than 401 or 400, or reached the upstream; controls that did not pass. */
  readonly violations: readonly string[]
  readonly seconds: number
}

const CLIENTS = 16
/** Of so many re-spellings one goes over HTTP/2. */
const HTTP2_EVERY = 3
/** Every so many re-spellings a client sends a control token. */
const CONTROL_EVERY = 10

/**
 * Revokes tokens of every algorithm by everything that names them, and sends re-spellings of them through a gateway while
 * control tokens of the same issuer pass.
 */
export async function runRespell(
  { count, seed, workers = 1 }: RespellOptions,
  t: Pick<Teardowns, 'teardown'>,
): Promise<Outcome> {
  const world = await openWorld(t, workers)
  await revokeAll(world)
  const random = new Random(seed)
  const tally = new Tally()
  const started = performance.now()
  let sent = 0
  const client = async () => {
    while (sent < count) {
      const number = ++sent
      const { issued, by } = random.pick(world.revocable)
      const control = random.pick(world.controls)
      const attempt = drawAttempt(issued, { path: `/things/r${number}`, control: control.jwt }, random)
      const isOneOfTwo = attempt.bytes.includes(control.jwt)
      const isHttp2 = number % HTTP2_EVERY === 0 && (!isOneOfTwo || canBeFields(attempt.bytes))
      const send = (bytes: string) => (isHttp2 ? exchangeHttp2(world.securePort, bytes) : exchange(world.port, bytes))
      const statuses = await send(attempt.bytes)
      tally.attempted(
        isHttp2 ? `${attempt.kind}, over HTTP/2` : attempt.kind,
        statuses,
        `${issued.algorithm} by ${by}: ${shown(attempt.bytes)}`,
      )
      if (number % CONTROL_EVERY === 0) {
        const bytes = get(`/things/control${number}`, `Authorization: Bearer ${control.jwt}`)
        tally.control(await send(bytes), world.reached.has(`/control${number}`), control.algorithm)
      }
    }
  }
  await Promise.all(Array.from({ length: CLIENTS }, client))
  for (const path of world.reached) if (path.startsWith('/r')) tally.violations.push(`reached the upstream: ${path}`)
  return { ...tally, seconds: (performance.now() - started) / 1000 }
}

/** Each token passes before it is revoked, and is refused after: otherwise a run would say nothing. */
async function revokeAll(world: World): Promise<void> {
  const ask = async (jwt: string) =>
    (await exchange(world.port, get('/things/before', `Authorization: Bearer ${jwt}`)))[0]
  for (const token of world.revocable) {
    const { by, issued } = token
    const before = await ask(issued.jwt)
    if (before !== 200) throw new Error(`${issued.algorithm} to be revoked by ${by}: ${before} before it is`)
    await world.revoke(by, issued)
  }
  const deadline = performance.now() + 10_000
  for (const { by, issued } of world.revocable) {
    for (let status = await ask(issued.jwt); status !== 401; status = await ask(issued.jwt)) {
      if (performance.now() > deadline) throw new Error(`${issued.algorithm} revoked by ${by}: ${status} after it was`)
    }
  }
}

/** A request without the middles of its tokens. */
function shown(bytes: string): string {
  return JSON.stringify(bytes.replace(/[\w-]{40,}/g, (long) => `${long.slice(0, 4)}…${long.slice(-4)}`))
}

class Tally {
  readonly byStatus = new Map<number, number>()
  readonly byKind = new Map<string, Map<number, number>>()
  readonly violations: string[] = []
  controls = 0

  /** @param what the attempt, for whoever has to find out why */
  attempted(kind: string, statuses: readonly number[], what: string): void {
    const ofKind = this.byKind.get(kind) ?? new Map<number, number>()
    this.byKind.set(kind, ofKind)
    for (const map of [this.byStatus, ofKind]) {
      for (const status of statuses) map.set(status, (map.get(status) ?? 0) + 1)
    }
    const refused = statuses.length > 0 && statuses.every((status) => status === 401 || status === 400)
    if (!refused) this.violations.push(`${kind}: ${statuses.join(' and ') || 'no answer'}, ${what}`)
  }

  control(statuses: readonly number[], reached: boolean, algorithm: string): void {
    this.controls++
    if (statuses.join() !== '200' || !reached)
      this.violations.push(`a control token (${algorithm}): ${statuses.join(' and ')}`)
  }
}
