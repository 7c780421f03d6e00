import type { Collector } from './collector.js'
import { type Attributes, encodeSpans, type Span } from './otlp-json.js'

/** Spans of one request to the collector. */
const BATCH = 512
/** Spans that wait: what comes beyond is dropped. */
const MAX_WAITING = 8_192
/** Milliseconds for which a span waits for others. */
const DELAY = 5_000

/** Sends spans to a collector, many at a time, without holding up those who add them. */
export class SpanQueue {
  readonly #collector: Collector
  readonly #resource: Attributes
  #waiting: Span[] = []
  #timer: NodeJS.Timeout | undefined
  #sending: Promise<boolean> | undefined
  #dropped = 0

  constructor(collector: Collector, resource: Attributes) {
    this.#collector = collector
    this.#resource = resource
  }

  /** Spans that were not sent: too many waited, or the collector did not take them. */
  get dropped(): number {
    return this.#dropped
  }

  add(span: Span): void {
    if (this.#waiting.length >= MAX_WAITING) {
      this.#dropped++
      return
    }
    this.#waiting.push(span)
    if (this.#sending !== undefined) return
    if (this.#waiting.length >= BATCH) void this.#send()
    else this.#timer ??= setTimeout(() => void this.#send(), DELAY).unref()
  }

  /** Sends what waits, unless the collector does not take it. */
  async close(): Promise<void> {
    this.#collector.stop()
    await this.#sending
    while (this.#waiting.length > 0 && (await this.#send()));
  }

  #send(): Promise<boolean> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const batch = this.#waiting.slice(0, BATCH)
    this.#waiting = this.#waiting.slice(BATCH)
    this.#sending = this.#collector.send('traces', encodeSpans(this.#resource, batch)).then((isTaken) => {
      this.#sending = undefined
      if (!isTaken) this.#dropped += batch.length
      if (this.#waiting.length >= BATCH) void this.#send()
      else if (this.#waiting.length > 0) this.#timer ??= setTimeout(() => void this.#send(), DELAY).unref()
      return isTaken
    })
    return this.#sending
  }
}
