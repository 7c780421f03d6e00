/** Whether the topic is subscribed to, so that revocations arrive as they happen, and who wants to know. */
export class RealtimeStatus {
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

  /** Calls `listener` whenever the topic begins, or ceases, to be live; now, if it is already. */
  onChange(listener: (isLive: boolean) => void): () => void {
    this.#listeners.add(listener)
    if (this.#isLive) listener(true)
    return () => void this.#listeners.delete(listener)
  }
}
