// Which of node:cluster's two ways to hand out connections? A bare server, so that the difference is theirs: requests on
// kept connections and on new ones, how evenly the workers share them, and what clients see while the primary is busy.

import { fork } from 'node:child_process'
import cluster from 'node:cluster'
import { once } from 'node:events'
import { Agent, createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { percentile } from '../support/statistics.js'

const WORKERS = 4
const SECONDS = Number(process.env.SECONDS ?? 3)
const CONNECTIONS = 32
const BUSY = 500
const file = fileURLToPath(import.meta.url)

if (cluster.isWorker) {
  const server = createServer((_, res) => res.end(String(process.pid)))
  server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
} else if (process.send !== undefined) primary()
else await compare()

function primary(): void {
  let listening = 0
  for (let i = 0; i < WORKERS; i++) {
    cluster.fork().on('message', ({ port }: { port: number }) => {
      if (++listening === WORKERS) process.send?.({ port })
    })
  }
  process.on('message', (message) => {
    if (message === 'busy') for (const end = performance.now() + BUSY; performance.now() < end; );
    else process.exit(0)
  })
}

async function compare(): Promise<void> {
  for (const policy of ['rr', 'none']) {
    const child = fork(file, [], { env: { ...process.env, NODE_CLUSTER_SCHED_POLICY: policy } })
    const [{ port }] = (await once(child, 'message')) as [{ port: number }]
    const kept = await load(port, true)
    const fresh = await load(port, false)
    child.send('busy')
    const duringBusy: number[] = []
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        for (const end = performance.now() + BUSY; performance.now() < end; ) {
          const started = performance.now()
          await ask(port, undefined)
          duringBusy.push(performance.now() - started)
        }
      }),
    )
    console.log(`SCHED_${policy.toUpperCase()}`)
    console.log(`  kept connections: ${kept.rate} requests a second, shares ${kept.shares}`)
    console.log(`  new connections:  ${fresh.rate} requests a second, shares ${fresh.shares}, p99 ${fresh.p99} ms`)
    console.log(`  primary busy for ${BUSY} ms: slowest new connection ${Math.max(...duringBusy).toFixed(0)} ms`)
    child.send('end')
    await once(child, 'exit')
  }
}

async function load(port: number, keepAlive: boolean) {
  const served = new Map<string, number>()
  const times: number[] = []
  const end = performance.now() + SECONDS * 1_000
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      const agent = keepAlive ? new Agent({ keepAlive: true, maxSockets: 1 }) : undefined
      while (performance.now() < end) {
        const started = performance.now()
        const pid = await ask(port, agent)
        times.push(performance.now() - started)
        served.set(pid, (served.get(pid) ?? 0) + 1)
      }
      agent?.destroy()
    }),
  )
  const total = times.length
  const shares = [...served.values()].sort((a, b) => b - a).map((count) => `${Math.round((count / total) * 100)} %`)
  return { rate: Math.round(total / SECONDS), shares: shares.join(' '), p99: percentile(times, 0.99).toFixed(1) }
}

function ask(port: number, agent: Agent | undefined): Promise<string> {
  return new Promise((resolve, reject) => {
    const req = request({ port, host: '127.0.0.1', agent: agent ?? false }, (res) => {
      let body = ''
      res.setEncoding('latin1')
      res.on('data', (chunk) => {
        body += chunk
      })
      res.on('end', () => resolve(body))
    })
    req.on('error', reject)
    req.end()
  })
}
