/** SETs that are remembered as held, and their length in all. */
const MAX_HELD = 1_000
const MAX_BYTES = 8_388_608

interface Held {
  readonly bytes: number
  readonly since: number | undefined
}

/**
 * SETs that can be neither taken nor refused yet. They stay at the transmitter and come with every poll. One beyond the limits
 * is not remembered; it stays at the transmitter all the same.
 */
export class HeldSets {
  readonly #held = new Map<string, Held>()
  #bytes = 0

  get count(): number {
    return this.#held.size
  }

  /** Their length in all. */
  get bytes(): number {
    return this.#bytes
  }

  /**
   * @param jti the name that it is delivered under
   * @param since when (ms) it could have been refused first; `undefined`: it must not be refused
   */
  hold(jti: string, bytes: number, since: number | undefined): void {
    const before = this.#held.get(jti)?.bytes
    if (before === undefined && (this.#held.size >= MAX_HELD || this.#bytes + bytes > MAX_BYTES)) return
    this.#bytes += bytes - (before ?? 0)
    this.#held.set(jti, { bytes, since })
  }

  /** Since when (ms) it could have been refused without a break; `undefined` if it could not the last time. */
  since(jti: string): number | undefined {
    return this.#held.get(jti)?.since
  }

  release(jti: string): void {
    this.#bytes -= this.#held.get(jti)?.bytes ?? 0
    this.#held.delete(jti)
  }
}
