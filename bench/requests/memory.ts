/**
 * What memory does a worker use whose callers renew their tokens all the time? One gateway in one process is asked with
 * valid tokens that it has never seen, for some minutes; prints its memory as it goes, at the end after a full
 * collection, and how much the second half of the time added.
 *
 *     MINUTES=5 RATE=1000 ALG=RS256 SNAPSHOTS=directory node dist/bench/requests/memory.js
 */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Algorithm, createIssuer } from '../../test/support/issuer.js'
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.js'
import { slope } from '../support/statistics.js'
import type { MemoryQuestion } from './memory-report.js'

const MINUTES = Number(process.env.MINUTES ?? 5)
/** Requests a second, each with a token of its own, as far as the machine can. */
const RATE = Number(process.env.RATE ?? 1_000)
const ALG = (process.env.ALG ?? 'RS256') as Algorithm
/** Where heap snapshots are put after a third of the time and at its end; absent: nowhere. */
const SNAPSHOTS = process.env.SNAPSHOTS
const CONNECTIONS = 16
/** Between two figures, ms. */
const INTERVAL = 5_000

const MB = 1024 * 1024
const FIGURES = ['rss', 'heapUsed', 'heapTotal', 'external', 'arrayBuffers'] as const
type Memory = Readonly<Record<(typeof FIGURES)[number], number>>

const directory = mkdtempSync(join(tmpdir(), 'mgw-memory-'))
const upstream = createServer((req, res) => void res.end(req.url === '/jwks' ? jwks : '{"ok":true}'))
upstream.listen(0, '127.0.0.1')
await once(upstream, 'listening')
const issuer = await createIssuer(`http://127.0.0.1:${(upstream.address() as AddressInfo).port}`)
const jwks = issuer.jwks
const gateway = await startGatewayProcess({
  issuer: issuer.name,
  directory,
  nodeOptions: ['--import', new URL('./memory-report.js', import.meta.url).href],
})
try {
  await measure(gateway)
} finally {
  await gateway.end()
  upstream.close()
  upstream.closeAllConnections()
  rmSync(directory, { recursive: true, force: true })
}

async function measure({ url, child }: GatewayProcess): Promise<void> {
  const ask = async (question: MemoryQuestion): Promise<Memory> => {
    child.send(question)
    return ((await once(child, 'message')) as [Memory])[0]
  }
  const load = startLoad(new URL(url))
  const begin = performance.now()
  const samples: { readonly seconds: number; readonly memory: Memory }[] = []
  console.log(['seconds', 'requests', ...FIGURES].map((title) => title.padStart(12)).join(''))
  const tell = (memory: Memory, seconds: number) => {
    const figures = [seconds, load.requests(), ...FIGURES.map((name) => Math.round(memory[name] / MB))]
    console.log(figures.map((figure) => String(figure).padStart(12)).join(''))
  }
  const total = Math.ceil((MINUTES * 60_000) / INTERVAL)
  for (let i = 1; i <= total; i++) {
    await Promise.race([load.failed, sleep(begin + i * INTERVAL - performance.now())])
    const memory = await ask('now')
    const seconds = Math.round((performance.now() - begin) / 1000)
    samples.push({ seconds, memory })
    tell(memory, seconds)
    if (SNAPSHOTS !== undefined && i === Math.ceil(total / 3))
      await ask({ snapshot: join(SNAPSHOTS, 'a.heapsnapshot') })
  }
  await load.end()
  if (SNAPSHOTS !== undefined) await ask({ snapshot: join(SNAPSHOTS, 'b.heapsnapshot') })
  console.log('after a full collection, no requests under way:')
  tell(await ask('collected'), Math.round((performance.now() - begin) / 1000))
  const half = samples.slice(Math.floor(samples.length / 2))
  for (const name of ['rss', 'heapUsed', 'external'] as const) {
    console.log(
      `${name}: ${slope(half.map(({ seconds, memory }) => [seconds / 60, memory[name] / MB])).toFixed(1)} MB a minute, second half`,
    )
  }
}

interface Load {
  requests(): number
  /** Rejects if a request is not answered with 200. */
  readonly failed: Promise<never>
  end(): Promise<void>
}

function startLoad(url: URL): Load {
  let requests = 0
  let ended = false
  const begin = performance.now()
  const client = async () => {
    const socket = connect(Number(url.port), url.hostname)
    await once(socket, 'connect')
    while (!ended) {
      await sleep(Math.max(0, begin + (requests / RATE) * 1_000 - performance.now()))
      requests++
      await request(socket, url.pathname, (await issuer.issue(ALG)).jwt)
    }
    socket.destroy()
  }
  const clients = Promise.all(Array.from({ length: CONNECTIONS }, client))
  const failed = clients.then(() => new Promise<never>(() => undefined))
  failed.catch(() => undefined)
  return {
    requests: () => requests,
    failed,
    async end() {
      ended = true
      await clients
    },
  }
}

/** A client that costs little: it knows that the answer is short, and how it ends. */
function request(socket: Socket, path: string, token: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let answer = ''
    const read = (chunk: Buffer) => {
      answer += chunk.toString('latin1')
      if (answer.startsWith('HTTP/1.1 200 ') ? !answer.includes('{"ok":true}') : answer.length < 40) return
      socket.off('data', read)
      if (answer.startsWith('HTTP/1.1 200 ')) resolve()
      else reject(new Error(answer.slice(0, 40)))
    }
    socket.on('data', read)
    socket.write(`GET ${path} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer ${token}\r\n\r\n`)
  })
}
