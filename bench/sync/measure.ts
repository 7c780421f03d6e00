/* One cold listing, in a process that does nothing else. Run by listing.ts. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { createHttpClient } from '../../src/http-client/index.js'
import { etcdEndpoint } from '../../src/sources/persistent/etcd/endpoint.js'
import { etcdV3Store } from '../../src/sources/persistent/etcd-v3/store.js'
import { eventHubStore } from '../../src/sources/persistent/event-hub/store.js'
import type { PersistentStore } from '../../src/sources/source.js'

export interface Measured {
  readonly seconds: number
  readonly peakMb: number
  readonly beforeMb: number
  readonly firstStallMs: number
  readonly stallMs: number
  /** Seconds of processor time, and the longest stall in it: what they are when the machine has nothing else to do. */
  readonly cpuSeconds: number
  readonly stallCpuMs: number
}

const SAMPLE_EVERY = 10
const MB = 1024 * 1024

const [, , kind = '', url = '', count = ''] = process.argv
process.send?.(await measure(kind === 'etcd' ? etcd(url) : hub(url), Number(count)), () => process.exit())

function etcd(url: string): PersistentStore {
  return etcdV3Store({ endpoint: etcdEndpoint(url) })
}

function hub(endpointUrl: string): PersistentStore {
  return eventHubStore({ endpointUrl, client: createHttpClient(), timeout: 120_000, maxBytes: 1024 * MB })
}

async function measure(store: PersistentStore, count: number): Promise<Measured> {
  const before = process.memoryUsage.rss()
  let peak = before
  const sampler = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss())
  }, SAMPLE_EVERY)
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const startCpu = cpuMs()
  const start = performance.now()
  // The first record takes loading the client and connecting, once in a process's life: a stall of its own.
  for await (const _ of store.list(new AbortController().signal)) break
  await new Promise((resolve) => setTimeout(resolve, 20))
  const firstStall = delay.max
  delay.reset()
  let stallCpu = 0
  let lastCpu = cpuMs()
  const turns = setInterval(() => {
    const now = cpuMs()
    stallCpu = Math.max(stallCpu, now - lastCpu)
    lastCpu = now
  }, 1)
  let seen = 0
  let last = ''
  for await (const { id } of store.list(new AbortController().signal)) {
    // Both stores answer in order, so a token that came twice would be noticed.
    if (id === undefined || id <= last) throw new Error('a token came twice, or out of order')
    last = id
    seen++
  }
  const seconds = (performance.now() - start) / 1000
  delay.disable()
  clearInterval(sampler)
  clearInterval(turns)
  if (seen !== count) throw new Error(`${seen} tokens of ${count} came`)
  return {
    seconds,
    peakMb: peak / MB,
    beforeMb: before / MB,
    firstStallMs: firstStall / 1e6,
    stallMs: delay.max / 1e6,
    cpuSeconds: (cpuMs() - startCpu) / 1000,
    stallCpuMs: stallCpu,
  }
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}
