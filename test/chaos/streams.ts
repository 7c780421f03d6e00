import { get } from 'node:http'
import { WebSocket } from 'ws'
import type { GatewayNode } from './gateway-node.js'
import type { Ledger, Piece } from './ledger.js'
import type { Token } from './upstream.js'

const BEAT = /data: (\d+);/g
/** A piece of the text that a beat may begin in. */
const REST = 40

/** The streams and WebSockets that clients of a gateway hold open, until the gateway ends them. */
export class Streams {
  readonly #gateway: GatewayNode
  readonly #ledger: Ledger
  readonly #open = new Set<() => void>()

  constructor(gateway: GatewayNode, ledger: Ledger) {
    this.#gateway = gateway
    this.#ledger = ledger
  }

  get count(): number {
    return this.#open.size
  }

  /** Opens one, if the gateway lets it, and tells the ledger of all that comes through. `ended`: it is over. */
  open(token: Token, kind: Piece['kind'], ended: () => void = () => undefined): void {
    const { name, incarnation: life, ports } = this.#gateway
    if (ports === undefined) return void setImmediate(ended)
    let text = ''
    const take = (more: string) => {
      text += more
      for (const [, at] of text.matchAll(BEAT)) {
        this.#ledger.streamed({ gateway: name, life, token: token.jti, kind, writtenAt: Number(at) })
      }
      text = text.slice(text.lastIndexOf(';') + 1).slice(-REST)
    }
    const close = kind === 'stream' ? openStream(ports.http, token, take) : openSocket(ports.http, token, take)
    const over = () => {
      if (this.#open.delete(close.end)) ended()
    }
    this.#open.add(close.end)
    void close.over.then(over)
  }

  /** Ends all that are left. */
  close(): void {
    for (const end of [...this.#open]) {
      this.#open.delete(end)
      end()
    }
  }
}

interface Opened {
  readonly over: Promise<void>
  readonly end: () => void
}

function openStream(port: number, token: Token, take: (text: string) => void): Opened {
  const req = get({ ...target(port, token), path: '/things/stream', agent: false })
  const over = new Promise<void>((resolve) => {
    req.on('error', () => resolve())
    req.on('close', () => resolve())
    req.on('response', (res) => {
      res.setEncoding('utf8').on('error', () => undefined)
      res.on('data', take)
    })
  })
  return { over, end: () => req.destroy() }
}

function openSocket(port: number, token: Token, take: (text: string) => void): Opened {
  const { host, headers } = target(port, token)
  const socket = new WebSocket(`ws://${host}:${port}/things/socket`, { headers })
  const over = new Promise<void>((resolve) => {
    socket.on('error', () => resolve())
    socket.on('close', () => resolve())
    socket.on('message', (data) => take(String(data)))
  })
  return { over, end: () => socket.terminate() }
}

function target(port: number, token: Token) {
  return { port, host: '127.0.0.1', headers: { authorization: `Bearer ${token.jwt}` } }
}
