import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Logger } from '../logging/index.js'
import { type AdminAnswer, methodNotAllowed } from './answer.js'

/** Milliseconds between two events. */
const INTERVAL = 1_000
/** How many listen at a time. */
const MOST_LISTENERS = 16

const FULL: AdminAnswer = {
  status: 503,
  body: { error: 'Service Unavailable', problem: `${MOST_LISTENERS} clients listen already` },
  headers: { 'retry-after': '10' },
}
const OF_ANOTHER_SITE: AdminAnswer = { status: 403, body: { error: 'Forbidden', problem: 'asked for by another site' } }

export interface StatusEventsOptions {
  /** What each event holds. Asked once a second for all listeners, and not while there are none. */
  readonly status: () => Promise<object>
  readonly logger: Logger
  /** Milliseconds; default 1 s. */
  readonly interval?: number
}

/** `GET /events`: the status as server-sent events, at once and then once a second, for a bounded number of listeners. */
export class StatusEvents {
  readonly #options: StatusEventsOptions
  readonly #listeners = new Set<ServerResponse>()
  #timer: NodeJS.Timeout | undefined

  constructor(options: StatusEventsOptions) {
    this.#options = options
  }

  /** Begins to send events; or answers why not. */
  listen(req: IncomingMessage, res: ServerResponse): AdminAnswer | undefined {
    if (req.method !== 'GET') return methodNotAllowed('GET')
    // The browser keeps the events from such a page, but not the page from taking all places.
    const site = req.headers['sec-fetch-site']
    if (site !== undefined && site !== 'same-origin' && site !== 'none') return OF_ANOTHER_SITE
    if (this.#listeners.size >= MOST_LISTENERS) return FULL
    res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    this.#listeners.add(res)
    res.once('close', () => this.#left(res))
    void this.#send([res])
    this.#timer ??= setInterval(() => void this.#send([...this.#listeners]), this.#options.interval ?? INTERVAL)
    return undefined
  }

  /** Ends all. */
  close(): void {
    for (const res of this.#listeners) res.end()
  }

  #left(res: ServerResponse): void {
    this.#listeners.delete(res)
    if (this.#listeners.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  async #send(listeners: readonly ServerResponse[]): Promise<void> {
    try {
      const event = `data: ${JSON.stringify(await this.#options.status())}\n\n`
      // One that reads slowly misses events: each holds everything.
      for (const res of listeners) if (!res.writableNeedDrain && !res.writableEnded) res.write(event)
    } catch (error) {
      this.#options.logger.error('status event failed', error)
    }
  }
}
