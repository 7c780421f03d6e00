import { once } from './once.js'

/** What was opened: closed in reverse order, after a start that failed, too. */
export class Parts {
  readonly #opened: { close(): Promise<unknown> }[] = []

  /** Closes what is open. Safe to call twice. */
  readonly close = once(async () => {
    for (let part = this.#opened.pop(); part !== undefined; part = this.#opened.pop()) await part.close()
  })

  /** Takes charge of a part, and returns it. */
  keep<Part extends { close(): Promise<unknown> }>(part: Part): Part {
    this.#opened.push(part)
    return part
  }
}
