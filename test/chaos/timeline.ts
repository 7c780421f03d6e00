interface Event {
  readonly at: number
  readonly text: string
  /** Absent: of everybody's interest. */
  readonly token?: string
}

/** What happened around a token's own events is told as well, ms. */
const AROUND = 15_000
const MOST_LINES = 60

/** What was done and what came of it, in order. Times are `performance.now()`. */
export class Timeline {
  readonly #events: Event[] = []

  /** @param token the one that it is about; absent for faults and what gateways do */
  note(at: number, text: string, token?: string): void {
    this.#events.push({ at, text, ...(token === undefined ? {} : { token }) })
  }

  /** A token's way, and what happened to the gateways meanwhile: one line an event, milliseconds in front. */
  of(token: string | undefined, until: number): string[] {
    const own = this.#events.filter((event) => token !== undefined && event.token === token && event.at <= until)
    const since = (own[0]?.at ?? until - AROUND) - AROUND
    return this.#events
      .filter((event) => event.at >= since && event.at <= until + 1)
      .filter((event) => event.token === undefined || event.token === token)
      .sort((a, b) => a.at - b.at)
      .slice(-MOST_LINES)
      .map(
        ({ at, text, token: about }) =>
          `${String(Math.round(at)).padStart(7)} ${about === undefined ? '  ' : '* '}${text}`,
      )
  }
}
