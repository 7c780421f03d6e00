// What a broker's protocol makes of revocations: latency to the first 401, and how many a second, idle and under load.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Test } from 'tap'
import { jtiOf, type RunningGateway, startGateway, type World, world } from '../../test/support/gateway.js'
import { histogram, median, percentile } from '../support/statistics.js'
import { PROTOCOLS, type Protocol, type Source, startSource, TOPIC } from './source.js'

const REVOCATIONS = 1_000
const BURST = 100_000
const RATE = 5_000
const RUNS = 3
/** A revocation that is not enforced by then (ms) never was. */
const LIMIT = 5_000
/** A burst that does not grow for so long (ms) has lost revocations. */
const STALLED = 10_000

const { values } = parseArgs({ options: { protocol: { type: 'string' }, seconds: { type: 'string', default: '8' } } })
const seconds = Number(values.seconds)
for (const protocol of PROTOCOLS) {
  if (values.protocol === undefined || values.protocol === protocol) await measure(protocol)
}
process.exit()

async function measure(protocol: Protocol): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'mgw-bench-'))
  const ends: (() => unknown)[] = [() => rmSync(directory, { recursive: true, force: true })]
  // The tests' services ask no more than this of a test.
  const t = {
    teardown: (end: () => unknown) => ends.unshift(end),
    testdir: () => {
      mkdirSync(join(directory, 'hub'))
      return directory
    },
    comment: () => undefined,
  } as unknown as Test
  try {
    const w = await world(t)
    const source = await startSource(t, protocol)
    const gateway = await startGateway(t, configure(w, source.url))
    await gateway.known()
    console.log(`\n${protocol}`)
    await latency(w, gateway, source)
    await burst(gateway, source)
    await underLoad(w, gateway, source)
  } finally {
    for (const end of ends) await end()
  }
}

function configure(w: World, url: string): string {
  const realtime = `enableRealtimeMessageRetrieval = true
jmsConnectionTopic = "tokenRevocation"
jmsConnectionProviderUrl = ${JSON.stringify(url)}
jmsConnectionUsername = "admin"
jmsConnectionPassword = "admin"`
  const file = w.configFile('', { realtime })
  writeFileSync(file, readFileSync(file, 'utf8').replace('level = "debug"', 'level = "info"'))
  return file
}

async function latency(w: World, gateway: RunningGateway, source: Source): Promise<void> {
  const tokens: string[] = []
  while (tokens.length < REVOCATIONS) tokens.push(await w.token())
  await enforced(gateway, source, await w.token())
  const samples: number[] = []
  for (const token of tokens) samples.push(await enforced(gateway, source, token))
  console.log(histogram(samples, 'ms'))
  const [p50, p99] = [percentile(samples, 0.5), percentile(samples, 0.99)]
  console.log(`publish to first 401: p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms`)
}

/** Milliseconds until the token, which was accepted, is refused. */
async function enforced(gateway: RunningGateway, source: Source, token: string): Promise<number> {
  if ((await gateway.status(token)) !== 200) throw new Error('a token that is not revoked was refused')
  const began = performance.now()
  const published = source.publish({ topic: TOPIC, count: 1, rate: 0, prefix: jtiOf(token) })
  while ((await gateway.status(token)) !== 401) {
    if (performance.now() - began > LIMIT) throw new Error('a revocation was not enforced')
  }
  const taken = performance.now() - began
  await published
  return taken
}

async function burst(gateway: RunningGateway, source: Source): Promise<void> {
  const wanted = (await known(gateway)) + BURST
  const began = performance.now()
  const published = source.publish({ topic: TOPIC, count: BURST, rate: 0, prefix: 'burst-' })
  await until(gateway, wanted)
  const rate = BURST / ((performance.now() - began) / 1000)
  await published
  console.log(`without load: ${Math.round(rate)} revocations a second, ${BURST} of ${BURST}`)
}

/**
 * Requests a second with the gateway alone, and with revocations. All runs on the same processors, so broker and
 * publisher take requests away too: the gateway's own part is told by the time that its process was on a processor.
 */
async function underLoad(w: World, gateway: RunningGateway, source: Source): Promise<void> {
  const url = `${gateway.http}/things/v1/thing/1`
  const token = await w.token()
  const count = RATE * seconds
  const alone: Load[] = []
  const both: Load[] = []
  for (let run = 0; run < RUNS; run++) {
    alone.push(await load(gateway, url, token))
    const wanted = (await known(gateway)) + count
    const published = source.publish({ topic: TOPIC, count, rate: RATE, prefix: `load-${run}-` })
    both.push(await load(gateway, url, token))
    await published
    await until(gateway, wanted)
  }
  const rate = (loads: Load[]) => median(loads.map(({ requests }) => requests)) / seconds
  const loss = (1 - rate(both) / rate(alone)) * 100
  const perRequest = median(alone.map(({ requests, processor }) => processor / requests))
  const perRevocation = median(both.map(({ requests, processor }) => (processor - perRequest * requests) / count))
  console.log(`requests a second: ${rate(alone).toFixed()}, with ${RATE} revocations a second ${rate(both).toFixed()}`)
  console.log(`loss, gateway, broker, publisher, client and upstream on the same processors: ${loss.toFixed(1)} %`)
  console.log(
    `the gateway's processor time: ${(perRequest * 1e6).toFixed(1)} µs a request, ` +
      `${(perRevocation * 1e6).toFixed(1)} µs a revocation: ${(perRevocation * RATE * 100).toFixed(1)} % of its core`,
  )
}

interface Load {
  readonly requests: number
  /** Seconds that the gateway's process was on a processor. */
  readonly processor: number
}

async function load({ process: { child } }: RunningGateway, url: string, token: string): Promise<Load> {
  const before = processorTime(child.pid)
  const client = fork(fileURLToPath(new URL('load.js', import.meta.url)), [url, token, String(seconds)])
  const [[requests]] = await Promise.all([once(client, 'message'), once(client, 'exit')])
  return { requests: requests as number, processor: processorTime(child.pid) - before }
}

/** Seconds that a process was on a processor, by its line in Linux's /proc, which counts hundredths. */
function processorTime(pid: number | undefined): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

async function known(gateway: RunningGateway): Promise<number> {
  const answer = await fetch(`${gateway.admin}/ready`)
  const body = (await answer.json()) as { revocations: { entries: { tokens: number } } }
  return body.revocations.entries.tokens
}

async function until(gateway: RunningGateway, wanted: number): Promise<void> {
  let last = -1
  let grown = performance.now()
  for (;;) {
    const count = await known(gateway)
    if (count >= wanted) return
    if (count !== last) grown = performance.now()
    else if (performance.now() - grown > STALLED) throw new Error(`${wanted - count} revocations were lost`)
    last = count
    await sleep(20)
  }
}
