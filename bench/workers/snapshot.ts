// How long until a new worker has the whole list, and how long at a time does that keep the primary?
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { silent } from '../../src/logging/index.js'
import { type PrimaryMessage, Publisher, Replica, type WorkerMessage } from '../../src/replication/index.js'
import { RealtimeStatus } from '../../src/revocation/lookup.js'
import { RevocationList } from '../../src/revocation/revocation-list.js'
import { Fingerprinter } from '../../src/token/fingerprint.js'

const ENTRIES = Number(process.env.ENTRIES ?? 5_000_000)
const RETENTION = { retention: 86_400_000 }

if (process.send !== undefined) await worker()
else await primary()

async function worker(): Promise<void> {
  const replica = new Replica({ ...RETENTION, send: (message) => process.send?.(message) })
  process.on('message', (message) => replica.receive(message as PrimaryMessage))
  await replica.follow()
}

async function primary(): Promise<void> {
  const fingerprints = Fingerprinter.random()
  const list = new RevocationList({ fingerprints, ...RETENTION })
  const keptUntil = Date.now() + 86_400_000
  for (let n = 0; n < ENTRIES; n++) {
    list.addEntry({
      kind: 'token',
      ...fingerprints.of('token', `token-${n}`),
      keptUntil,
      learntAt: Date.now(),
      source: 0,
    })
  }
  list.sources.index('bench')
  const logger = silent('bench')
  const realtimeStatus = new RealtimeStatus()
  const publisher = new Publisher({
    list,
    seed: fingerprints.seed,
    remaining: () => Infinity,
    bounds: () => ({ expired: 0, retained: Date.now(), endedBefore: 0, droppedBefore: 0 }),
    realtimeStatus,
    logger,
  })
  const child = fork(fileURLToPath(import.meta.url), [], { serialization: 'advanced' })
  let longest = 0
  let longestCpu = 0
  let work = 0
  const timed = (step: () => void) => {
    const started = performance.now()
    const cpu = process.cpuUsage()
    step()
    const { user, system } = process.cpuUsage(cpu)
    longestCpu = Math.max(longestCpu, (user + system) / 1_000)
    const took = performance.now() - started
    longest = Math.max(longest, took)
    work += took
  }
  const subscription = publisher.subscribe('bench', (message) => child.send(message))
  const started = performance.now()
  let first = 0
  child.on('message', (message) => {
    first ||= performance.now()
    timed(() => subscription.receive(message as WorkerMessage))
  })
  while (subscription.status()?.state !== 'in sync' || (subscription.status()?.lag.entries ?? 1) > 0) {
    await once(child, 'message')
  }
  const status = subscription.status()
  console.log(`${ENTRIES} entries, ${Math.round(list.bytes / 2 ** 20)} MB in the primary`)
  console.log(
    `from hello to in sync: ${Math.round(performance.now() - first)} ms (process start ${Math.round(first - started)} ms)`,
  )
  console.log(
    `primary's work: ${Math.round(work)} ms, longest step ${longest.toFixed(2)} ms (${longestCpu.toFixed(2)} ms of CPU)`,
  )
  console.log(`acknowledged ${status?.acknowledged}`)
  publisher.close()
  child.kill()
}
