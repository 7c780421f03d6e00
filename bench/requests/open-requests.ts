// What does it cost that open requests are noted, so that a revocation can end them? Two gateways, one of them with
// closeOpenRequests = false, by turns under the same load: requests a second, and CPU time a request.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { Teardowns } from '../../test/chaos/teardowns.js'
import { type IssuingWorld, issuingWorld } from '../../test/support/issuing-world.js'
import { median } from '../support/statistics.js'

const ROUNDS = Number(process.env.ROUNDS ?? 15)
/** Of one run, ms. */
const RUN = Number(process.env.RUN ?? 1_000)
const CONNECTIONS = 16
const TOKENS = 100
/** A kernel's tick, ms: what `/proc` counts CPU time in. */
const TICK = 10

/** What the client's process is told, and answers with the number of requests. */
interface Order {
  readonly port: number
  readonly tokens: readonly string[]
  readonly ms: number
}

if (process.send !== undefined) process.on('message', (order: Order) => void load(order))
else await compare()

async function compare(): Promise<void> {
  const t = new Teardowns()
  try {
    const noted = await issuingWorld(t)
    const plain = await issuingWorld(t, { more: '[tokenRevocationConfig]\n  closeOpenRequests = false\n' })
    const client = fork(fileURLToPath(import.meta.url))
    t.teardown(() => client.kill())
    const sides = await Promise.all([noted, plain].map(async (world) => ({ world, tokens: await issueAll(world) })))
    const runs = sides.map(() => ({ rate: [] as number[], cpu: [] as number[] }))
    for (let round = -1; round < ROUNDS; round++) {
      for (const i of round % 2 === 0 ? [0, 1] : [1, 0]) {
        const [side, figures] = [sides[i], runs[i]]
        if (side === undefined || figures === undefined) continue
        const pid = side.world.gateway.process.child.pid ?? 0
        const before = cpu(pid)
        client.send({ port: Number(new URL(side.world.gateway.http).port), tokens: side.tokens, ms: RUN })
        const [requests] = (await once(client, 'message')) as [number]
        if (round < 0) continue // warming up
        figures.rate.push((requests / RUN) * 1000)
        figures.cpu.push(((cpu(pid) - before) / requests) * 1000)
      }
    }
    report(runs)
  } finally {
    await t.end()
  }
}

function report([noted, plain]: readonly { rate: number[]; cpu: number[] }[]): void {
  if (noted === undefined || plain === undefined) return
  console.log(`medians of ${ROUNDS} runs of ${RUN} ms each, ${CONNECTIONS} connections, ${TOKENS} tokens`)
  for (const [title, { rate, cpu }] of [
    ['closeOpenRequests = true ', noted],
    ['closeOpenRequests = false', plain],
  ] as const) {
    console.log(
      `${title}  ${median(rate).toFixed(0).padStart(6)} requests/s  ${median(cpu).toFixed(1)} µs CPU a request`,
    )
  }
  const ratio = (of: 'rate' | 'cpu') => (median(noted[of]) / median(plain[of])).toFixed(3)
  const pairs = noted.rate.map((rate, i) => rate / (plain.rate[i] ?? Number.NaN))
  console.log(
    `ratio: requests/s ${ratio('rate')} (median of the pairs ${median(pairs).toFixed(3)}), CPU ${ratio('cpu')}`,
  )
}

function issueAll(world: IssuingWorld): Promise<string[]> {
  return Promise.all(Array.from({ length: TOKENS }, async () => (await world.issue('ES256')).jwt))
}

/** CPU time that a process has used, ms. */
function cpu(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK
}

async function load({ port, tokens, ms }: Order): Promise<void> {
  let requests = 0
  const until = performance.now() + ms
  const client = async (first: number) => {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    for (let i = first; performance.now() < until; i++) {
      await ask(socket, tokens[i % tokens.length] ?? '')
      requests++
    }
    socket.destroy()
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, (_, i) => client(i * 7)))
  process.send?.(requests)
}

/** A client that costs little: it knows that the answer is short, and ends with what the upstream says. */
function ask(socket: Socket, token: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let answer = ''
    const read = (chunk: Buffer) => {
      answer += chunk.toString('latin1')
      if (!answer.includes('{"ok":true}')) return
      socket.off('data', read)
      if (answer.startsWith('HTTP/1.1 200 ')) resolve()
      else reject(new Error(answer.slice(0, 40)))
    }
    socket.on('data', read)
    socket.write(`GET /things/1 HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer ${token}\r\n\r\n`)
  })
}
