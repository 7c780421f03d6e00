import { Agent, request } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import type { GatewayNode } from './gateway-node.js'
import type { Token } from './issuer.js'
import type { Ledger } from './ledger.js'
import type { Random } from './random.js'

/** What the clients of a gateway send. */
export interface Tokens {
  readonly controls: readonly Token[]
  /** Those that are next to be revoked: they are used before, as real ones are. */
  upcoming(): readonly Token[]
  /** Those whose revocation was published. */
  readonly revoked: readonly Token[]
}

/** Longer than any fault lasts: a gateway that is well answers in time. */
const ANSWER_LIMIT = 6_000
/** Between two requests of a client, ms: load, but not so much that the machine is what is tested. */
const PAUSE = 3
/** After a failed connection, until the gateway is seen to be down, ms. */
const REST = 20

/** A gateway's clients. */
export class Load {
  readonly #gateway: GatewayNode
  readonly #ledger: Ledger
  readonly #agent = new Agent({ keepAlive: true })
  requests = 0

  constructor(gateway: GatewayNode, ledger: Ledger) {
    this.#gateway = gateway
    this.#ledger = ledger
  }

  /** Sends one token after another until `signal` aborts: controls, ones to be revoked, and revoked ones by turns. */
  async run(tokens: Tokens, random: Random, signal: AbortSignal): Promise<void> {
    for (let turn = random.between(0, 1_000); !signal.aborted; turn++) {
      const group = turn % 8 === 0 ? tokens.controls : turn % 8 === 1 ? tokens.upcoming() : tokens.revoked
      if (group.length > 0) await this.send(random.pick(group), signal)
      await setTimeout(PAUSE)
    }
  }

  /** Sends each token, a few at a time, and resolves to those that were refused. */
  async refused(tokens: readonly Token[], signal: AbortSignal): Promise<Set<string>> {
    const rest = [...tokens]
    const refused = new Set<string>()
    const client = async () => {
      for (let token = rest.pop(); token !== undefined && !signal.aborted; token = rest.pop()) {
        if ((await this.send(token, signal)) === 401) refused.add(token.jti)
      }
    }
    await Promise.all(Array.from({ length: 4 }, client))
    return refused
  }

  /** Sends a token, tells the ledger, and resolves to the status if there was an answer. */
  async send(token: Token, signal: AbortSignal): Promise<number | undefined> {
    const { name } = this.#gateway
    const port = await until(this.#gateway.port(), signal)
    if (port === undefined) return undefined
    const life = this.#gateway.incarnation
    const sentAt = performance.now()
    this.requests++
    try {
      const status = await this.#ask(port, token.jwt, signal)
      this.#ledger.answered({ gateway: name, life, token: token.jti, status, sentAt, at: performance.now() })
      return status
    } catch (error) {
      if (signal.aborted) return undefined
      if (!this.#ledger.excused(name, life, sentAt)) {
        // It may have ended a moment ago: then it says so itself.
        this.#ledger.violated(`${name} did not answer: ${error instanceof Error ? error.message : String(error)}`)
      }
      await setTimeout(REST)
      return undefined
    }
  }

  close(): void {
    this.#agent.destroy()
  }

  #ask(port: number, jwt: string, signal: AbortSignal): Promise<number> {
    return new Promise((resolve, reject) => {
      const req = request(
        {
          port,
          host: '127.0.0.1',
          path: '/things/thing',
          agent: this.#agent,
          headers: { authorization: `Bearer ${jwt}` },
          signal,
        },
        (res) => {
          res.resume()
          res.on('end', () => resolve(res.statusCode ?? 0))
          res.on('error', reject)
        },
      )
      req.setTimeout(ANSWER_LIMIT, () => req.destroy(new Error(`no answer in ${ANSWER_LIMIT} ms`)))
      req.on('error', reject)
      req.end()
    })
  }
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
