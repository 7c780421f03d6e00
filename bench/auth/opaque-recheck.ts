/*
 * A key manager knows an opaque token by more spellings than mgw can foresee. How long until a spelling is refused that was
 * in use, while a revocation names another, and 1,000 other opaque tokens are revoked a second? And what does that cost those
 * who use other tokens: answers 503, and questions to the key manager? Broker, client and upstream are in this process, the
 * gateway and the key manager in others.
 *
 *   node dist/bench/auth/opaque-recheck.js [seconds]
 */
import { fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Teardowns } from '../../test/chaos/teardowns.js'
import { type IssuingWorld, issuingWorld } from '../../test/support/issuing-world.js'
import { Client } from '../support/refusals.js'
import { histogram, percentile } from '../support/statistics.js'
import type { KeyManagerOrder } from './lenient-key-manager.js'

const RATE = 1_000
/** Tokens in use all the time, and requests with them at a time. */
const IN_USE = 100
const LANES = 16
/** Milliseconds between two respelt tokens, and between two requests with one. */
const EVERY = 100
const ASK_AGAIN = 10
/** A revocation that is not enforced by then (ms) never was. */
const LIMIT = 5_000
const seconds = Number(process.argv[2] ?? 20)

interface KeyManager {
  readonly origin: string
  /** Resolves to how many questions there were. */
  order(order: KeyManagerOrder): Promise<number>
}

async function startKeyManager(t: Teardowns): Promise<KeyManager> {
  const child = fork(fileURLToPath(new URL('lenient-key-manager.js', import.meta.url)))
  t.teardown(() => child.kill('SIGKILL'))
  const [port] = (await once(child, 'message')) as [number]
  let last: Promise<number> = Promise.resolve(0)
  return {
    origin: `http://127.0.0.1:${port}`,
    // One after the other: an answer does not say to which order.
    order(order) {
      last = last.then(async () => {
        const answer = once(child, 'message')
        child.send(order)
        return ((await answer) as [number])[0]
      })
      return last
    },
  }
}

function revokeOthers(world: IssuingWorld, until: AbortSignal): Promise<number> {
  return paced(RATE, until, () => publish(world, `other-${randomUUID()}`))
}

function publish(world: IssuingWorld, token: string): void {
  world.publish({ revokedToken: token, ttl: '3600', expiryTime: Date.now() + 3_600_000 })
}

/** Resolves to how often it was done. */
async function paced(rate: number, until: AbortSignal, act: () => void): Promise<number> {
  const began = performance.now()
  let done = 0
  while (!until.aborted) {
    for (const due = ((performance.now() - began) * rate) / 1000; done < due; done++) act()
    await sleep(1)
  }
  return done
}

/** Uses tokens in turn. Resolves to how often each status was answered. */
async function use(client: Client, tokens: readonly string[], until: AbortSignal): Promise<Map<number, number>> {
  const answers = new Map<number, number>()
  let next = 0
  const lane = async () => {
    while (!until.aborted) {
      const status = await client.ask(tokens[next++ % tokens.length] ?? '')
      answers.set(status, (answers.get(status) ?? 0) + 1)
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  return answers
}

/** Milliseconds from the revocation of one spelling until another is refused. */
async function timeRespelt(client: Client, world: IssuingWorld, keyManager: KeyManager): Promise<number> {
  const token = randomUUID()
  const respelt = token.replaceAll('-', '_')
  for (let i = 0; i < 2; i++) if ((await client.ask(respelt)) !== 200) throw new Error('a good token was refused')
  await keyManager.order({ revoke: token })
  const began = performance.now()
  publish(world, token)
  while ((await client.ask(respelt)) !== 401) {
    if (performance.now() - began > LIMIT) throw new Error('a revocation was not enforced')
    await sleep(ASK_AGAIN)
  }
  return performance.now() - began
}

async function measure(t: Teardowns): Promise<void> {
  const keyManager = await startKeyManager(t)
  const more = `[keyManager]\n  serverUrl = "${keyManager.origin}"\n`
  const world = await issuingWorld(t, { more, listener: '  tokenListenerPort = 0' })
  const client = new Client(`${world.gateway.http}/things/1`)
  t.teardown(() => client.close())
  const tokens = Array.from({ length: IN_USE }, () => randomUUID())
  for (const token of tokens) if ((await client.ask(token)) !== 200) throw new Error('a good token was refused')
  await timeRespelt(client, world, keyManager)

  const before = await keyManager.order({})
  const end = AbortSignal.timeout(seconds * 1_000)
  const [others, used] = [revokeOthers(world, end), use(client, tokens, end)]
  const respelt: Promise<number>[] = []
  while (!end.aborted) {
    respelt.push(timeRespelt(client, world, keyManager))
    await sleep(EVERY)
  }
  const asked = (await keyManager.order({})) - before
  const [samples, revoked, answers] = [await Promise.all(respelt), await others, await used]
  const total = [...answers.values()].reduce((sum, count) => sum + count, 0)
  console.log(`${Math.round(revoked / seconds)} opaque tokens revoked a second, ${IN_USE} tokens in use`)
  console.log(histogram(samples, 'ms'))
  const times = [0.5, 0.99, 1].map((p) => `p${p * 100} ${percentile(samples, p).toFixed()} ms`)
  console.log(`published to first 401 of another spelling: ${times.join(', ')} of ${samples.length}`)
  console.log(
    `${total} requests with other tokens: ${answers.get(503) ?? 0} times 503, ${total - (answers.get(200) ?? 0)} not 200`,
  )
  console.log(
    `${(asked / seconds).toFixed()} questions a second to the key manager, for ${(total / seconds).toFixed()} requests`,
  )
}

const t = new Teardowns()
try {
  await measure(t)
} finally {
  await t.end()
}
