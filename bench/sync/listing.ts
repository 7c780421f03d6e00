/*
 * How long does a gateway that starts cold take to read its store, in how much memory, and how long are other requests
 * held up? Lists 100,000 and 1,000,000 revoked tokens from a real etcd (v3) and from the stand-in of the event hub.
 * Each listing runs in a process of its own, which checks that every token came exactly once.
 *
 *   node dist/bench/sync/listing.js [count ...]
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { etcdMissing, startEtcd } from '../../test/services/etcd.js'
import { manyTokens, startHub } from '../../test/services/event-hub.js'
import { fillEtcd } from './fill-etcd.js'
import type { Measured } from './measure.js'

const COUNTS = [100_000, 1_000_000]
const MEASURE = fileURLToPath(new URL('./measure.js', import.meta.url))

const counts = process.argv.length > 2 ? process.argv.slice(2).map(Number) : COUNTS
const endings: (() => unknown)[] = []
const owner = { teardown: (end: () => unknown) => void endings.push(end) }

try {
  console.log(
    'store       tokens      seconds (cpu)     peak MB (before)   longest stall ms (cpu; of the first record)',
  )
  const missing = etcdMissing()
  if (missing !== false) console.log(missing)
  for (const count of counts) {
    if (missing === false) {
      const etcd = await startEtcd(owner, { args: ['--quota-backend-bytes', String(8 * 1024 ** 3)] })
      await fillEtcd(etcd.url, count)
      report('etcd v3', count, await measure('etcd', etcd.url, count))
      await etcd.kill()
    }
    const hub = await startHub(owner)
    hub.answer(manyTokens(count))
    report('event hub', count, await measure('hub', hub.url, count))
  }
} finally {
  for (const end of endings) await end()
}

async function measure(store: string, url: string, count: number): Promise<Measured> {
  const child = fork(MEASURE, [store, url, String(count)])
  const [measured] = (await once(child, 'message')) as [Measured]
  await once(child, 'exit')
  return measured
}

function report(store: string, count: number, measured: Measured): void {
  const { seconds, cpuSeconds, peakMb, beforeMb, firstStallMs, stallMs, stallCpuMs } = measured
  const time = `${seconds.toFixed(2)} (${cpuSeconds.toFixed(2)})`
  const memory = `${peakMb.toFixed(0)} (${beforeMb.toFixed(0)})`
  const stall = `${stallMs.toFixed(1)} (${stallCpuMs.toFixed(1)}; ${firstStallMs.toFixed(1)})`
  console.log(`${store.padEnd(11)} ${String(count).padEnd(11)} ${time.padEnd(17)} ${memory.padEnd(18)} ${stall}`)
}
