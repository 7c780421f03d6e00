import { Agent, request } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import type { GatewayNode } from './gateway-node.js'
import type { Ledger } from './ledger.js'
import type { Random } from './random.js'
import type { Token } from './upstream.js'

/** What the clients of a gateway send. */
export interface Tokens {
  readonly controls: readonly Token[]
  /** Those that are next to be revoked: they are used before, as real ones are. */
  upcoming(): readonly Token[]
  /** Those whose revocation was published. */
  readonly revoked: readonly Token[]
}

/** Longer than a gateway that is well takes, on a machine that is not. */
const ANSWER_LIMIT = 12_000
/** Between two requests of a client, ms: load, but not so much that the machine is what is tested. */
const PAUSE = 6
/** After a failed connection, until the gateway is seen to be down, ms. */
const REST = 20
/** Connections that are kept: enough to meet every worker. */
const CONNECTIONS = 4
/** Of so many requests, one comes over a connection of its own. */
const FRESH_EVERY = 16
/** The latest revocations are asked for more often than the others. */
const RECENT = 30

/** A gateway's clients. */
export class Load {
  readonly #gateway: GatewayNode
  readonly #ledger: Ledger
  readonly #agents = Array.from({ length: CONNECTIONS }, () => new Agent({ keepAlive: true, maxSockets: 1 }))
  requests = 0

  constructor(gateway: GatewayNode, ledger: Ledger) {
    this.#gateway = gateway
    this.#ledger = ledger
  }

  /** Clients send one token after another until `signal` aborts: controls, ones to be revoked, and revoked ones. */
  async run(tokens: Tokens, seed: (client: number) => Random, signal: AbortSignal): Promise<void> {
    await Promise.all(this.#agents.map((agent, client) => this.#client(agent, tokens, seed(client), signal)))
  }

  /** Sends each token over two connections, and resolves to those that both refused. */
  async refused(tokens: readonly Token[], signal: AbortSignal): Promise<Set<string>> {
    const refusals = await Promise.all(
      this.#agents.map(async (agent, at) => {
        const refused: string[] = []
        for (const [i, token] of tokens.entries()) {
          const isAsked = i % CONNECTIONS === at || (i + 1) % CONNECTIONS === at
          if (isAsked && !signal.aborted && (await this.#send(token, agent, signal)) === 401) refused.push(token.jti)
        }
        return refused
      }),
    )
    const seen = new Set<string>()
    return new Set(refusals.flat().filter((token) => seen.has(token) || !seen.add(token)))
  }

  close(): void {
    for (const agent of this.#agents) agent.destroy()
  }

  async #client(agent: Agent, tokens: Tokens, random: Random, signal: AbortSignal): Promise<void> {
    for (let turn = random.between(0, 1_000); !signal.aborted; turn++) {
      const { controls, revoked } = tokens
      const latest = turn % 3 === 0 ? revoked.slice(-RECENT) : revoked
      const group = turn % 8 === 0 ? controls : turn % 8 === 1 ? tokens.upcoming() : latest
      const over = turn % FRESH_EVERY === 2 ? false : agent
      if (group.length > 0) await this.#send(random.pick(group), over, signal)
      await setTimeout(PAUSE)
    }
  }

  /** Sends a token, tells the ledger, and resolves to the status if there was an answer. */
  async #send(token: Token, agent: Agent | false, signal: AbortSignal): Promise<number | undefined> {
    const { name } = this.#gateway
    const ports = await until(this.#gateway.reachable(), signal)
    if (ports === undefined) return undefined
    const life = this.#gateway.incarnation
    const sentAt = performance.now()
    this.requests++
    try {
      const status = await ask(ports.http, token.jwt, agent, signal)
      this.#ledger.answered({ gateway: name, life, token: token.jti, status, sentAt, at: performance.now() })
      return status
    } catch (error) {
      if (signal.aborted) return undefined
      if (!this.#ledger.of(name).mayBeSilent(life, sentAt)) {
        // It may have ended a moment ago: then it says so itself.
        const what = `${name} did not answer: ${error instanceof Error ? error.message : String(error)}`
        this.#ledger.violated(what, performance.now(), token.jti)
      }
      await setTimeout(REST)
      return undefined
    }
  }
}

function ask(port: number, jwt: string, agent: Agent | false, signal: AbortSignal): Promise<number> {
  const headers = { authorization: `Bearer ${jwt}` }
  return new Promise((resolve, reject) => {
    const req = request({ port, host: '127.0.0.1', path: '/things/thing', agent, headers, signal }, (res) => {
      res.resume()
      res.on('end', () => resolve(res.statusCode ?? 0))
      res.on('error', reject)
    })
    req.setTimeout(ANSWER_LIMIT, () => req.destroy(new Error(`no answer in ${ANSWER_LIMIT} ms`)))
    req.on('error', reject)
    req.end()
  })
}

async function until<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  if (signal.aborted) return undefined
  let stop: () => void = () => undefined
  const aborted = new Promise<undefined>((resolve) => {
    stop = () => resolve(undefined)
    signal.addEventListener('abort', stop, { once: true })
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
