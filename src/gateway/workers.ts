import cluster from 'node:cluster'
import { fileURLToPath } from 'node:url'
import type { Logger } from '../logging/index.js'
import type { Publisher } from '../replication/index.js'
import type { RevocationRecord } from '../revocation/index.js'
import { CrashPause } from './crash-pause.js'
import { type Ports, WorkerProcess, type WorkerStatus } from './worker-process.js'

/** How often it is looked whether a worker hangs, ms. */
const WATCH_INTERVAL = 5_000

export interface WorkersOptions {
  readonly configFile: string
  readonly count: number
  /** Milliseconds that open requests have when the workers are stopped. */
  readonly stopTimeout: number
  readonly publisher: Publisher
  /** Enters a revocation that came through a worker; resolves when it is durable and every worker enforces it. */
  readonly revoke: (record: RevocationRecord | undefined) => Promise<void>
  readonly logger: Logger
}

/** A number of workers that is kept: one that dies is replaced. */
export class Workers {
  readonly #options: WorkersOptions
  readonly #running = new Set<WorkerProcess>()
  readonly #pauses = new Set<NodeJS.Timeout>()
  readonly #watch: NodeJS.Timeout
  readonly #endAll = () => this.#running.forEach((worker) => void worker.kill())
  #onFirst: { resolve(ports: Ports): void; reject(error: Error): void } | undefined
  #closing = false

  private constructor(options: WorkersOptions) {
    this.#options = options
    this.#watch = setInterval(() => this.#running.forEach((worker) => void worker.endIfHanging()), WATCH_INTERVAL)
    this.#watch.unref()
    process.once('exit', this.#endAll)
  }

  /** Starts the workers; resolves when the first listens. Throws if one dies before; then none is left running. */
  static async start(options: WorkersOptions): Promise<{ workers: Workers; ports: Ports }> {
    // See docs/adr/0003: workers accept for themselves.
    if (process.env.NODE_CLUSTER_SCHED_POLICY === undefined) cluster.schedulingPolicy = cluster.SCHED_NONE
    const exec = fileURLToPath(new URL('../worker.js', import.meta.url))
    cluster.setupPrimary({ exec, args: [options.configFile], serialization: 'advanced' })
    const workers = new Workers(options)
    try {
      const ports = await new Promise<Ports>((resolve, reject) => {
        workers.#onFirst = { resolve, reject }
        for (let i = 0; i < options.count; i++) workers.#fork(new CrashPause())
      })
      return { workers, ports }
    } catch (error) {
      workers.#endAll()
      await workers.close()
      throw error
    } finally {
      workers.#onFirst = undefined
    }
  }

  /** Whether whoever connects meets a worker that knows the list. */
  get knows(): boolean {
    const serving = [...this.#running].filter((worker) => worker.serves)
    return serving.length > 0 && serving.every((worker) => worker.knows)
  }

  status(): WorkerStatus[] {
    return [...this.#running].map((worker) => worker.status())
  }

  /** Lets open requests end (`stopTimeout`); resolves when no worker is left. */
  async close(): Promise<void> {
    this.#closing = true
    clearInterval(this.#watch)
    for (const pause of this.#pauses) clearTimeout(pause)
    await Promise.all([...this.#running].map((worker) => worker.drain(this.#options.stopTimeout)))
    process.off('exit', this.#endAll)
  }

  #fork(pause: CrashPause): void {
    const { publisher, logger } = this.#options
    const worker = new WorkerProcess(publisher, logger, {
      listening: (ports) => {
        logger.info('a worker listens', { worker: worker.pid })
        this.#onFirst?.resolve(ports)
      },
      revoke: this.#options.revoke,
      failed: (error) => {
        logger.error('a worker cannot serve', error, { worker: worker.pid })
        this.#onFirst?.reject(error)
      },
      exited: ({ status, lived }) => {
        this.#running.delete(worker)
        if (this.#closing) return
        this.#onFirst?.reject(new Error(`a worker ended before it listened (${status})`))
        this.#replace(pause, worker.pid, status, lived)
      },
    })
    this.#running.add(worker)
  }

  #replace(pause: CrashPause, pid: number, status: string, lived: number): void {
    const delay = pause.next(lived)
    this.#options.logger.error('a worker ended; another takes its place', undefined, { worker: pid, status, delay })
    const timer = setTimeout(() => {
      this.#pauses.delete(timer)
      this.#fork(pause)
    }, delay)
    this.#pauses.add(timer)
  }
}
