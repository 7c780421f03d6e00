import type { Duplex } from 'node:stream'
import type { UpgradedExchange, UpgradeFailure, UpgradeHooks, UpgradeOptions, UpgradeUpstream } from './upgrade.js'
import { UpgradeExchange } from './upgrade-exchange.js'
import { ignore } from './upgrade-sockets.js'

/** A WebSocket at the first upstream that can be reached: one attempt after another, see `proxyUpgrade`. */
export class UpgradeFailover implements UpgradedExchange {
  readonly #upstream: UpgradeUpstream
  readonly #webSocket: boolean
  readonly #socket: Duplex
  readonly #hooks: UpgradeHooks
  readonly #options: UpgradeOptions
  readonly #attemptHooks: UpgradeHooks
  #attempt: UpgradeExchange | undefined
  #target = 0
  #sent = false
  #again = false
  #stopped = false

  constructor(
    upstream: UpgradeUpstream,
    webSocket: boolean,
    socket: Duplex,
    hooks: UpgradeHooks,
    options: UpgradeOptions,
  ) {
    this.#upstream = upstream
    this.#webSocket = webSocket
    this.#socket = socket
    this.#hooks = hooks
    this.#options = options
    this.#attemptHooks = {
      mayStart: () => {
        this.#sent = true
        return hooks.mayStart()
      },
      mayGoOn: () => hooks.mayGoOn(),
      failed: (failure, answered, cause) => {
        this.#again = !answered && this.#mayTryNext(failure)
        if (!this.#again) hooks.failed(failure, answered, cause)
      },
      ended: () => this.#ended(),
    }
    socket.on('error', ignore)
  }

  /** @param head what the client sent behind its request */
  start(head: Buffer): void {
    const { targets, headers } = this.#upstream
    const { origin, path } = targets[this.#target] ?? targets[0]
    this.#sent = false
    const to = { origin, path, headers }
    this.#attempt = new UpgradeExchange(to, this.#socket, head, this.#attemptHooks, this.#options)
    this.#attempt.start(this.#webSocket)
  }

  abort(reason: Error): void {
    this.#attempt?.abort(reason)
  }

  goAway(): void {
    this.#stopped = true
    this.#attempt?.goAway()
  }

  /** As for plain requests: a GET may be sent anew, but not to a second upstream that takes its time like the first. */
  #mayTryNext(failure: UpgradeFailure): boolean {
    if (this.#stopped || this.#target + 1 >= this.#upstream.targets.length) return false
    return failure === 'unreachable' || (failure === 'timeout' && !this.#sent)
  }

  #ended(): void {
    if (!this.#again) return this.#hooks.ended()
    this.#again = false
    this.#target++
    this.start(Buffer.alloc(0)) // the last attempt put back on the socket what it had been given
  }
}
