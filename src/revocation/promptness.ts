/** Whether revocations come at once, by a topic that is subscribed to, and who wants to know. */
export class Promptness {
  readonly #listeners = new Set<(isLive: boolean) => void>()
  #isLive = false

  get isLive(): boolean {
    return this.#isLive
  }

  /** Tells the listeners also what they know: between two times that it was not live, something may have been missed. */
  set(isLive: boolean): void {
    this.#isLive = isLive
    for (const listener of this.#listeners) listener(isLive)
  }

  /** Calls `listener` whenever revocations begin, or cease, to come at once; now, if they do already. */
  onChange(listener: (isLive: boolean) => void): () => void {
    this.#listeners.add(listener)
    if (this.#isLive) listener(true)
    return () => void this.#listeners.delete(listener)
  }
}
