/**
 * A client that sends requests at a steady rate, whatever the answers take: each request's time runs from the moment in
 * which it is due, so that one that has to wait for a free connection counts its wait (wrk's does not).
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { percentile } from '../support/statistics.js'

/** JSON, the first argument. */
export interface PacedOrder {
  readonly port: number
  readonly path: string
  readonly tokens: string
  readonly seconds: number
  readonly perSecond: number
  readonly connections: number
}

/** JSON, printed. */
export interface PacedOutcome {
  readonly requests: number
  /** Milliseconds. */
  readonly p99: number
}

const { port, path, tokens, seconds, perSecond, connections } = JSON.parse(process.argv[2] ?? '{}') as PacedOrder
const requests = readFileSync(tokens, 'utf8')
  .trimEnd()
  .split('\n')
  .map((token) => `GET ${path} HTTP/1.1\r\nHost: gateway.example\r\nAuthorization: Bearer ${token}\r\n\r\n`)
const times: number[] = []
const free: Socket[] = []
const due: number[] = []
const sentAt = new Map<Socket, number>()
let next = 0

function send(): void {
  while (due.length > 0) {
    const socket = free.pop()
    if (socket === undefined) return
    sentAt.set(socket, due.shift() ?? 0)
    next = (next + 1) % requests.length
    socket.write(requests[next] ?? '', 'latin1')
  }
}

/** An answer ends where its length says: it is read whole, in one piece or in two. */
function read(socket: Socket): void {
  let answer = ''
  socket.on('data', (chunk: Buffer) => {
    answer += chunk.toString('latin1')
    const head = answer.indexOf('\r\n\r\n')
    if (head < 0) return
    if (!answer.startsWith('HTTP/1.1 200 ')) throw new Error(answer.slice(0, 40))
    const length = Number(/^content-length: (\d+)/im.exec(answer.slice(0, head))?.[1])
    if (answer.length < head + 4 + length) return
    answer = ''
    times.push(performance.now() - (sentAt.get(socket) ?? 0))
    free.push(socket)
    send()
  })
}

for (let i = 0; i < connections; i++) {
  const socket = connect(port, '127.0.0.1').setNoDelay(true)
  await once(socket, 'connect')
  read(socket)
  free.push(socket)
}
const begun = performance.now()
let sent = 0
const timer = setInterval(() => {
  const now = performance.now()
  for (; sent < ((now - begun) / 1_000) * perSecond; sent++) due.push(now)
  send()
  if (now - begun < seconds * 1_000) return
  clearInterval(timer)
  const outcome: PacedOutcome = { requests: times.length, p99: percentile(times, 0.99) }
  console.log(JSON.stringify(outcome))
  process.exit()
}, 1)
