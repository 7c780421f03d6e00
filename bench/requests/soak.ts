/**
 * Does a gateway under full load keep its memory, and answer 5xx only while its upstream is away? The upstream is killed
 * again and again; prints statuses and memory as it goes. Exit status 1 if a 5xx or a failure has no explanation.
 *
 *     MINUTES=10 CONNECTIONS=32 EVERY=20 node dist/bench/requests/soak.js
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { Agent, createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createIssuer } from '../../test/support/issuer.js'
import { startGatewayProcess } from '../support/gateway-process.js'
import { slope } from '../support/statistics.js'

const MINUTES = Number(process.env.MINUTES ?? 10)
const CONNECTIONS = Number(process.env.CONNECTIONS ?? 32)
/** Seconds between two restarts of the upstream. */
const EVERY = Number(process.env.EVERY ?? 20)
const TOKENS = 1_000
/** Milliseconds that the upstream stays away, and after its return within which a failure is still its. */
const AWAY = 300
const AFTER = 1_000
/** Between two figures, ms. */
const INTERVAL = 10_000
const BODY = JSON.stringify({ text: 'x'.repeat(280) })

async function serveUpstream(port: number): Promise<void> {
  const server = createServer((_, res) => void res.end(BODY))
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  process.send?.((server.address() as AddressInfo).port)
}

async function soak(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'mgw-soak-'))
  let jwks = ''
  const keys = createServer((_, res) => void res.end(jwks))
  keys.listen(0, '127.0.0.1')
  await once(keys, 'listening')
  const issuer = await createIssuer(`http://127.0.0.1:${(keys.address() as AddressInfo).port}`)
  jwks = issuer.jwks
  const upstream = await Upstream.start()
  const gateway = await startGatewayProcess({ issuer: issuer.name, upstream: upstream.origin, directory })
  try {
    const tokens: string[] = []
    for (let i = 0; i < TOKENS; i++) tokens.push((await issuer.issue('RS256')).jwt)
    process.exitCode = await run(gateway.url, gateway.child.pid ?? 0, tokens, upstream)
  } finally {
    await gateway.end()
    upstream.kill()
    keys.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

/** An upstream in a process of its own, on one port for good. */
class Upstream {
  readonly origin: string
  readonly #port: number
  #child: ChildProcess
  /** When it was killed last, and when it was back. */
  #awaySince = Number.NEGATIVE_INFINITY
  #backSince = Number.NEGATIVE_INFINITY

  private constructor(child: ChildProcess, port: number) {
    this.#child = child
    this.#port = port
    this.origin = `http://127.0.0.1:${port}`
  }

  static async start(): Promise<Upstream> {
    const { child, port } = await forked(0)
    return new Upstream(child, port)
  }

  async restart(): Promise<void> {
    this.#awaySince = performance.now()
    this.#backSince = Number.POSITIVE_INFINITY
    this.kill()
    await once(this.#child, 'exit')
    await sleep(AWAY)
    this.#child = (await forked(this.#port)).child
    this.#backSince = performance.now()
  }

  /** Whether it was away at some moment of a request. */
  explains(begun: number, ended: number): boolean {
    return ended >= this.#awaySince && begun <= this.#backSince + AFTER
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }
}

async function forked(port: number): Promise<{ child: ChildProcess; port: number }> {
  const child = fork(fileURLToPath(import.meta.url), ['upstream', String(port)])
  return { child, port: ((await once(child, 'message')) as [number])[0] }
}

async function run(url: string, pid: number, tokens: readonly string[], upstream: Upstream): Promise<number> {
  const begin = performance.now()
  const end = begin + MINUTES * 60_000
  const outcomes = new Map<string, number>()
  const note = (outcome: string) => outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })
  const client = async (at: number) => {
    for (let i = at; performance.now() < end; i += CONNECTIONS) {
      const begun = performance.now()
      const outcome = await ask(agent, url, tokens[i % tokens.length] ?? '')
      note(outcome === '200' || !upstream.explains(begun, performance.now()) ? outcome : `${outcome} (upstream away)`)
    }
  }
  const clients = Array.from({ length: CONNECTIONS }, (_, at) => client(at))
  const restarts = (async () => {
    while (performance.now() + EVERY * 1_000 < end) {
      await sleep(EVERY * 1_000)
      await upstream.restart()
    }
  })()
  const samples: [minutes: number, mb: number][] = []
  while (performance.now() < end) {
    await sleep(Math.min(INTERVAL, end - performance.now()))
    const minutes = (performance.now() - begin) / 60_000
    samples.push([minutes, residentMb(pid)])
    console.log(
      `${minutes.toFixed(1)} min, ${samples.at(-1)?.[1].toFixed(0)} MB, ${JSON.stringify(Object.fromEntries(outcomes))}`,
    )
  }
  await Promise.all([...clients, restarts])
  agent.destroy()
  const half = samples.slice(Math.floor(samples.length / 2))
  console.log(`resident memory: ${slope(half).toFixed(2)} MB a minute, second half`)
  const unexplained = [...outcomes.keys()].filter((outcome) => outcome !== '200' && !outcome.includes('away'))
  console.log(unexplained.length === 0 ? 'every failure is explained' : `not explained: ${unexplained.join(', ')}`)
  return unexplained.length === 0 ? 0 : 1
}

/** The status of one request, or the code of its failure. */
function ask(agent: Agent, url: string, token: string): Promise<string> {
  return new Promise((resolve) => {
    const req = request(url, { agent, headers: { authorization: `Bearer ${token}` } }, (res) => {
      let length = 0
      res.on('data', (chunk: Buffer) => {
        length += chunk.length
      })
      res.on('end', () => resolve(res.statusCode === 200 && length !== BODY.length ? 'short' : String(res.statusCode)))
      res.on('error', () => resolve('cut'))
    })
    req.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'failed'))
    req.end()
  })
}

function residentMb(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN) / 1024
}

if (process.argv[2] === 'upstream') await serveUpstream(Number(process.argv[3] ?? 0))
else await soak()
