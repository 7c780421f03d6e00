import { type buildConnector, Client, Dispatcher, Pool } from 'undici'

/** How connections are made, and for how long they are used. */
export interface PoolOptions extends Pool.Options {
  readonly connect: buildConnector.connector
  /** Milliseconds after which a connection takes no further request. */
  readonly maxConnectionAge: number
}

/**
 * Requests that wait for a connection to an origin, at most: each is kept whole, also when nobody wants its response any more, until
 * it has its turn.
 */
const MAX_QUEUED = 1_000

/** As many requests wait for a connection as may. */
class QueueFull extends Error {
  override readonly name = 'QueueFull'
  readonly code = 'ERR_QUEUE_FULL'
}

/** A client's connections to an origin. */
export interface ConnectionCounts {
  readonly connected: number
  /** Requests that wait for a connection. */
  readonly queued: number
}

/**
 * Pools of connections by origin. A connection that has grown old is closed as soon as it is idle, so that a host name is
 * looked up again: undici's own `clientTtl` stops a pool whose connections are limited.
 */
export class Pools extends Dispatcher {
  readonly #options: PoolOptions
  readonly #pools = new Map<string, Pool>()
  #closed = false

  constructor(options: PoolOptions) {
    super()
    this.#options = options
  }

  /** Throws `ERR_QUEUE_FULL` where too many requests wait for a connection. */
  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const origin = String(options.origin)
    const pool = this.#pools.get(origin) ?? this.#open(origin)
    const isLimited = typeof this.#options.connections === 'number'
    if (isLimited && pool.stats.queued >= MAX_QUEUED) throw new QueueFull('too many requests wait for a connection')
    return pool.dispatch(options, handler)
  }

  /** The pools that there are now, by origin. */
  counts(): Map<string, ConnectionCounts> {
    const counts = [...this.#pools].map(([origin, { stats }]): [string, ConnectionCounts] => {
      return [origin, { connected: stats.connected, queued: stats.queued }]
    })
    return new Map(counts)
  }

  override close(): Promise<void>
  override close(done: () => void): void
  override close(done?: () => void): Promise<void> | void {
    return this.#end((pool) => pool.close(), done)
  }

  override destroy(error?: Error | null): Promise<void>
  override destroy(done: () => void): void
  override destroy(error: Error | null, done: () => void): void
  override destroy(error?: Error | null | (() => void), done?: () => void): Promise<void> | void {
    const cause = typeof error === 'function' ? null : (error ?? null)
    return this.#end((pool) => pool.destroy(cause), typeof error === 'function' ? error : done)
  }

  #end(how: (pool: Pool) => Promise<void>, done: (() => void) | undefined): Promise<void> | void {
    this.#closed = true
    const all = Promise.all([...this.#pools.values()].map(how)).then(() => undefined)
    if (done === undefined) return all
    void all.finally(done)
  }

  #open(origin: string): Pool {
    const { maxConnectionAge, ...options } = this.#options
    const pool = new Pool(origin, {
      ...options,
      factory: (origin: URL, each: object) =>
        agingClient(origin, { ...each, connect: options.connect }, maxConnectionAge),
    })
    if (this.#closed) {
      pool.destroy() // it refuses what is dispatched
      return pool
    }
    let connected = 0
    pool.on('connect', () => connected++)
    pool.on('disconnect', () => {
      // Its clients would stay, as many as there ever were at once.
      if (--connected > 0 || this.#closed || pool.stats.size > 0) return
      this.#pools.delete(origin)
      pool.close()
    })
    this.#pools.set(origin, pool)
    return pool
  }
}

/** A client that closes a connection older than that when it is idle, and connects again for the next request. */
function agingClient(origin: URL, options: { connect: buildConnector.connector }, maxAge: number): Client {
  const { connect } = options
  let old: { destroy(): void } | undefined
  const client = new Client(origin, {
    ...options,
    connect: (target, done) =>
      connect(target, (...[error, socket]) => {
        if (error !== null || socket === null) return done(error as Error, null)
        old = undefined
        // Not all at once: those of a burst would be made again in a burst.
        const timer = setTimeout(
          () => {
            if (client.stats.size === 0) socket.destroy()
            else old = socket
          },
          maxAge * (1 - Math.random() / 5),
        ).unref()
        socket.once('close', () => clearTimeout(timer))
        done(null, socket)
      }),
  })
  // Told right after a response has ended, before the pool hands over the next request.
  client.on('drain', () => old?.destroy())
  return client
}
