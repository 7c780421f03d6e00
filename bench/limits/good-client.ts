// A process of a client that means well: asks gateways by turns, at a fixed rate, over connections that it keeps, with tokens
// that are good, and says how long each answer of each gateway took.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Order {
  readonly ports: readonly number[]
  readonly tokens: readonly string[]
  readonly seconds: number
  /** Requests a second. */
  readonly rate: number
}

/** To each gateway. */
const CONNECTIONS = 10
const idle = new Map<number, Socket[]>()
/** Aborted when the gateway closes the connection. */
const closed = new WeakMap<Socket, AbortSignal>()

process.on('message', (order: Order) => void run(order))

async function run({ ports, tokens, seconds, rate }: Order): Promise<void> {
  const times = ports.map((): number[] => [])
  const under: Promise<void>[] = []
  for (const port of ports) await open(port)
  const begin = performance.now()
  for (let i = 0; i < rate * seconds; i++) {
    const free = idle.get(ports[i % ports.length] ?? 0) ?? []
    while (performance.now() < begin + (i * 1_000) / rate || free.length === 0) await sleep(1)
    const token = tokens[Math.floor(i / ports.length) % tokens.length] ?? ''
    under.push(ask(free, token, times[i % ports.length] ?? []))
  }
  await Promise.all(under)
  process.send?.(times)
}

async function open(port: number): Promise<void> {
  const free = idle.get(port) ?? []
  idle.set(port, free)
  while (free.length < CONNECTIONS) {
    const socket = connect(port, '127.0.0.1').setNoDelay(true)
    await once(socket, 'connect')
    free.push(socket)
    socket.on('error', () => undefined)
    const isOver = new AbortController()
    closed.set(socket, isOver.signal)
    // The gateway closes connections that are idle for long, between two orders.
    socket.once('close', () => {
      isOver.abort()
      if (free.includes(socket)) free.splice(free.indexOf(socket), 1)
    })
  }
}

async function ask(free: Socket[], token: string, times: number[]): Promise<void> {
  const socket = free.pop() as Socket
  const sent = performance.now()
  socket.write(`GET /things/thing HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\n\r\n`)
  const options = { signal: closed.get(socket) }
  let answer = ''
  while (!answer.includes('{"ok":true}')) answer += String((await once(socket, 'data', options))[0])
  if (!answer.startsWith('HTTP/1.1 200 ')) throw new Error(answer.slice(0, 40))
  times.push(performance.now() - sent)
  free.push(socket)
}
