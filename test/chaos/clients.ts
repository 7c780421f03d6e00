import { setTimeout } from 'node:timers/promises'
import type { Piece } from './ledger.js'
import { Load, type Tokens } from './load.js'
import { Random } from './random.js'
import { Streams } from './streams.js'
import type { Token } from './upstream.js'
import type { World } from './world.js'

/** A stream that has ended is opened again after so long, ms. */
const REOPEN = 250
/** Of so many tokens, one has a stream, and one a WebSocket, when it is revoked. */
const HELD_EVERY = 5
const CLIENTS = 100
/** A gateway that does not answer for all tokens within so many ms has failed to. */
const ASK_LIMIT = 40_000

/** The clients of all gateways: they ask on, and hold streams and WebSockets open. */
export class Clients {
  readonly #world: World
  readonly #tokens: Tokens
  readonly #seed: number
  readonly #signal: AbortSignal
  readonly #loads: readonly Load[]
  readonly #streams: readonly Streams[]
  #running: Promise<unknown> = Promise.resolve()

  constructor(world: World, tokens: Tokens, seed: number, signal: AbortSignal) {
    this.#world = world
    this.#tokens = tokens
    this.#seed = seed
    this.#signal = signal
    this.#loads = world.sites.map(({ gateway }) => new Load(gateway, world.ledger))
    this.#streams = world.sites.map(({ gateway }) => new Streams(gateway, world.ledger))
  }

  get requests(): number {
    return this.#loads.reduce((sum, load) => sum + load.requests, 0)
  }

  start(): void {
    this.#running = Promise.all(
      this.#loads.map((load, at) =>
        load.run(this.#tokens, (client) => new Random(this.#seed + at * CLIENTS + client), this.#signal),
      ),
    )
    const [control] = this.#tokens.controls
    if (control === undefined) return
    for (const streams of this.#streams) {
      for (const kind of ['stream', 'stream', 'WebSocket', 'WebSocket'] as const) this.#keepOpen(streams, control, kind)
    }
  }

  /** Opens a stream or a WebSocket at every gateway with some of the tokens: `number` says which. */
  hold(token: Token, number: number): void {
    const kind = number % HELD_EVERY === 0 ? 'stream' : number % HELD_EVERY === 1 ? 'WebSocket' : undefined
    if (kind !== undefined) for (const streams of this.#streams) streams.open(token, kind)
  }

  /** Asks each gateway for tokens; `passed` is told of those that it did not refuse. */
  async askFor(
    tokens: (name: string) => readonly Token[],
    passed?: (name: string, token: string) => void,
  ): Promise<void> {
    await Promise.all(
      this.#world.sites.map(async ({ gateway }, at) => {
        const asked = tokens(gateway.name)
        const limit = AbortSignal.timeout(ASK_LIMIT)
        const refused = await this.#loads[at]?.refused(asked, AbortSignal.any([this.#signal, limit]))
        if (this.#signal.aborted) return
        for (const { jti } of asked) if (refused?.has(jti) !== true) passed?.(gateway.name, jti)
      }),
    )
  }

  async ended(): Promise<void> {
    for (const streams of this.#streams) streams.close()
    await this.#running
    for (const load of this.#loads) load.close()
  }

  #keepOpen(streams: Streams, token: Token, kind: Piece['kind']): void {
    if (this.#signal.aborted) return
    streams.open(token, kind, () => void setTimeout(REOPEN).then(() => this.#keepOpen(streams, token, kind)))
  }
}
