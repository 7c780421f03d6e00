import type { RevocationSink, SourceStatus } from '../../source.js'

/** One of the watches that make one. */
export interface WatchPart {
  readonly sink: RevocationSink
  /** It has ended, and does not count any more. */
  leave(): void
}

/** Several watches that look like one: live when all of them are, a gap when one of them is. */
export class CombinedWatch {
  readonly #sink: RevocationSink
  readonly #parts = new Map<WatchPart, { status: SourceStatus; detail: string | undefined }>()
  #wasLive = false

  constructor(sink: RevocationSink) {
    this.#sink = sink
  }

  /** Adds a watch that has not said anything yet: until it does the whole is not live. */
  join(): WatchPart {
    const part: WatchPart = {
      sink: {
        ...this.#sink,
        revoked: (record) => this.#sink.revoked(record),
        resync: (reason) => this.#sink.resync(reason),
        state: (status, detail) => {
          if (!this.#parts.has(part)) return
          this.#parts.set(part, { status, detail })
          this.#tell()
        },
      },
      leave: () => {
        if (this.#parts.delete(part) && this.#parts.size > 0) this.#tell()
      },
    }
    this.#parts.set(part, { status: 'connecting', detail: undefined })
    if (this.#wasLive) this.#tell()
    return part
  }

  #tell(): void {
    const parts = [...this.#parts.values()]
    const broken = parts.find(({ status }) => status === 'gap' || status === 'failed')
    if (broken !== undefined) this.#sink.state(this.#wasLive ? 'gap' : broken.status, broken.detail)
    else if (parts.every(({ status }) => status === 'live')) {
      this.#wasLive = true
      this.#sink.state('live')
    } else if (this.#wasLive) this.#sink.state('connecting')
  }
}
