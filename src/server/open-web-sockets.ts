import type { UpgradedExchange } from '../proxy/index.js'

/** The WebSockets of a gateway, so that one that stops can take leave of them. */
export class OpenWebSockets {
  readonly #open = new Set<UpgradedExchange>()
  #stopped = false

  add(exchange: UpgradedExchange): void {
    this.#open.add(exchange)
    if (this.#stopped) exchange.goAway()
  }

  remove(exchange: UpgradedExchange): void {
    this.#open.delete(exchange)
  }

  /** Sends each of them a Close frame of code 1001, and those that come from now on. */
  goAway(): void {
    this.#stopped = true
    for (const exchange of [...this.#open]) exchange.goAway()
  }
}
