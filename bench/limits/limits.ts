/**
 * What do clients that mean harm cost those that mean well, and what memory? Two gateways; a good client asks them by turns, at
 * a fixed rate, while more and more connections to one of them do nothing, read nothing, or write hardly anything.
 *
 *     IDLE=10000 READERS=1000 WRITERS=1000 RATE=400 SECONDS=15 node dist/bench/limits/limits.js
 *
 * Needs as many open files as there are connections, and as many again for upstreams (`ulimit -n 20000`): Node raises its
 * own limit as far as it may. Operating systems buffer up to 8 MB for each slow reader, both ends on one machine: where that is too
 * much, run it in a network namespace with smaller buffers:
 *
 *     unshare -n sh -c 'ip link set lo up; for f in r w; do echo 4096 65536 262144 >/proc/sys/net/ipv4/tcp_${f}mem; done; npm run bench:limits'
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createIssuer } from '../../test/support/issuer.js'
import { startGatewayProcess } from '../support/gateway-process.js'
import { percentile } from '../support/statistics.js'
import type { Crowd } from './crowd.js'
import type { Order } from './good-client.js'

const IDLE = Number(process.env.IDLE ?? 10_000)
const READERS = Number(process.env.READERS ?? 1_000)
const WRITERS = Number(process.env.WRITERS ?? 1_000)
const RATE = Number(process.env.RATE ?? 400)
const SECONDS = Number(process.env.SECONDS ?? 15)
/** Bytes of a response that slow readers ask for: more than operating systems buffer. */
const LARGE = Buffer.alloc(Number(process.env.SIZE ?? 8_000_000))
const TOKENS = 1_000
/** A kernel's tick, ms, and its page, bytes. */
const TICK = 10
const PAGE = 4_096

const PATHS = `  /large: { get: { x-wso2-disable-security: true, responses: { default: { description: any } } } }
  /upload: { post: { x-wso2-disable-security: true, responses: { default: { description: any } } } }
`

const directory = mkdtempSync(join(tmpdir(), 'mgw-limits-'))
const upstream = createServer((req, res) => {
  if (req.url === '/jwks') res.end(issuer.jwks)
  else if (req.method === 'POST') req.resume().on('end', () => res.end('{"ok":true}'))
  else res.end(req.url === '/large' ? LARGE : '{"ok":true}')
})
upstream.requestTimeout = 0
upstream.listen(0, '127.0.0.1')
await once(upstream, 'listening')
const issuer = await createIssuer(`http://127.0.0.1:${(upstream.address() as AddressInfo).port}`)
const started = (name: string) =>
  startGatewayProcess({ issuer: issuer.name, directory: join(directory, name), paths: PATHS })
const [gateway, calm] = [await started('crowded'), await started('calm')]
const [crowd, good] = [child('./crowd.js'), child('./good-client.js')]
try {
  await measure()
} finally {
  crowd.kill()
  good.kill()
  await Promise.all([gateway.end(), calm.end()])
  upstream.close()
  upstream.closeAllConnections()
  rmSync(directory, { recursive: true, force: true })
}

function child(script: string): ChildProcess {
  return fork(fileURLToPath(new URL(script, import.meta.url)))
}

async function measure(): Promise<void> {
  const ports = [gateway, calm].map(({ url }) => Number(new URL(url).port))
  const tokens = await Promise.all(Array.from({ length: TOKENS }, async () => (await issuer.issue('RS256')).jwt))
  const order: Order = { ports, tokens, seconds: SECONDS, rate: RATE }
  await asked(good, { ...order, seconds: 5 }) // warming up
  console.log(`a good client, ${RATE} requests a second for ${SECONDS} s; in brackets at the gateway without a crowd:`)
  for (const [title, idle, readers, writers] of [
    ['nobody', 0, 0, 0],
    [`${IDLE} idle connections`, IDLE, 0, 0],
    [`and ${READERS} slow readers`, IDLE, READERS, 0],
    [`and ${WRITERS} slow writers`, IDLE, READERS, WRITERS],
  ] as const) {
    const gathered = (await asked<Crowd, { replaced: number }>(crowd, { port: ports[0] ?? 0, idle, readers, writers }))
      .replaced
    await settled()
    const before = cpu()
    const [times = [], beside = []] = await asked<Order, number[][]>(good, order)
    const used = ((cpu() - before) / (SECONDS * 1_000)) * 100
    console.log(
      [
        title.padEnd(24),
        ...([0.5, 0.99, 1] as const).map(
          (p) => `p${p * 100} ${percentile(times, p).toFixed(2)} (${percentile(beside, p).toFixed(2)}) ms`,
        ),
        `gateway ${(resident() / 1_048_576).toFixed(0)} MB`,
        `${used.toFixed(0)} % of a core`,
        `sockets' buffers ${((kernelPages() * PAGE) / 1_048_576).toFixed(0)} MB`,
        `${gathered} replaced`,
      ].join('  '),
    )
  }
}

async function asked<Question, Answer>(process: ChildProcess, question: Question): Promise<Answer> {
  process.send(question as object)
  const isOver = new AbortController()
  process.once('exit', () => isOver.abort())
  return ((await once(process, 'message', { signal: isOver.signal })) as [Answer])[0]
}

/** Resolves when the crowd has got what the operating systems buffer, and the gateway rests. */
async function settled(): Promise<void> {
  for (let i = 0; i < 30; i++) {
    const [before, pages] = [cpu(), kernelPages()]
    await sleep(1_000)
    if (cpu() - before <= 100 && Math.abs(kernelPages() - pages) < 256) return
  }
}

/** CPU time that the gateway has used, ms. */
function cpu(): number {
  const fields = readFileSync(`/proc/${gateway.child.pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK
}

/** Bytes of the gateway's memory. */
function resident(): number {
  return Number(readFileSync(`/proc/${gateway.child.pid}/statm`, 'utf8').split(' ')[1]) * PAGE
}

/** Pages that the kernel uses for all TCP connections of the machine, both ends of ours. */
function kernelPages(): number {
  return Number(/^TCP:.* mem (\d+)/m.exec(readFileSync('/proc/net/sockstat', 'utf8'))?.[1])
}
