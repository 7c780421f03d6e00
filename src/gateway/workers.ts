import cluster from 'node:cluster'
import { fileURLToPath } from 'node:url'
import { describeError, type Logger, type LogLevel } from '../logging/index.js'
import { add, addAll, addProcess, lasting, type Samples } from '../metrics/index.js'
import { isExecutable } from '../package-file.js'
import type { Publisher } from '../replication/index.js'
import type { Asker, RevocationRecord } from '../revocation/index.js'
import type { Notice, NoticeAnswer } from '../sources/identity-provider/index.js'
import { Backoff, within } from '../time/index.js'
import type { OfPrimary } from './reload.js'
import { type Ports, type WorkerEvents, WorkerProcess, type WorkerStatus } from './worker-process.js'

/** Interval of checks for workers that hang, ms. */
const WATCH_INTERVAL = 5_000
const RESTART_FIRST = 100
const RESTART_LAST = 30_000
/** How long, ms, connections without a request stay at a worker that is replaced: a client may be sending one. */
const IDLE_GRACE = 2_000
/** Milliseconds until the successor of a worker must listen; most of them it needs for a list of many millions. */
const SUCCEEDS_WITHIN = 300_000
/** A worker that lived this long, ms, did not fail at its start. */
const HEALTHY_AFTER = 30_000

export interface WorkersOptions {
  readonly configFile: string
  /** What all workers have as this process has it, also one that is started after the file has changed. */
  readonly shared: OfPrimary
  readonly count: number
  /** Milliseconds that open requests have when the workers are stopped. */
  readonly stopTimeout: number
  readonly publisher: Publisher
  /** Takes a revocation that arrived through a worker; resolves when it is durable and every worker enforces it. */
  readonly revoke: (record: RevocationRecord | undefined, asker: Asker) => Promise<void>
  /** Takes a notice that arrived through a worker. Never rejects. */
  readonly receive: (notice: Notice) => Promise<NoticeAnswer>
  readonly logger: Logger
}

/** A worker's place: its replacement takes the same. */
interface Slot {
  /** From 1. */
  readonly number: number
  readonly delay: RestartDelay
  /** Absent until it is restarted. */
  worker?: WorkerProcess | undefined
  /** Starts while the worker serves, and takes its place when it listens. */
  successor?: WorkerProcess | undefined
}

/** How a worker has exited, and for how many milliseconds it had lived. */
type Exit = Parameters<WorkerEvents['exited']>[0]

interface StartEvents extends Pick<WorkerEvents, 'listening' | 'failed'> {
  ended(worker: WorkerProcess, how: Exit): void
}

/** Keeps a number of workers running: one that exits, or cannot be started, is replaced. */
export class Workers {
  readonly #options: WorkersOptions
  readonly #running = new Set<WorkerProcess>()
  readonly #slots: readonly Slot[]
  readonly #pauses = new Set<NodeJS.Timeout>()
  readonly #watch: NodeJS.Timeout
  readonly #endAll = () => this.#running.forEach((worker) => void worker.kill())
  #onFirst: { resolve(ports: Ports): void; reject(error: Error): void } | undefined
  #closing = false
  #restarts = 0
  /** What was set since the start, if anything. */
  #logLevel: LogLevel | undefined
  /** What workers that have exited had counted. */
  readonly #retired: Samples = new Map()

  private constructor(options: WorkersOptions) {
    this.#options = options
    this.#slots = Array.from({ length: options.count }, (_, i) => ({ number: i + 1, delay: new RestartDelay() }))
    this.#watch = setInterval(() => this.#running.forEach((worker) => void worker.endIfHanging()), WATCH_INTERVAL)
    this.#watch.unref()
    process.once('exit', this.#endAll)
  }

  /** Starts the workers; resolves when the first listens. Throws if one exits before that; then none is left running. */
  static async start(options: WorkersOptions): Promise<{ workers: Workers; ports: Ports }> {
    // See docs/adr/0003: workers accept for themselves.
    if (process.env.NODE_CLUSTER_SCHED_POLICY === undefined) cluster.schedulingPolicy = cluster.SCHED_NONE
    // The executable file runs itself again (scripts/package/entry.js); `worker` is what `ps` shows.
    const exec = isExecutable ? 'worker' : fileURLToPath(new URL('../worker.js', import.meta.url))
    cluster.setupPrimary({
      exec,
      args: [JSON.stringify(options.shared), options.configFile],
      serialization: 'advanced',
    })
    const workers = new Workers(options)
    try {
      const ports = await new Promise<Ports>((resolve, reject) => {
        workers.#onFirst = { resolve, reject }
        for (const slot of workers.#slots) workers.#fork(slot)
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

  /** Whether every worker that serves knows the list, and at least one serves. */
  get knows(): boolean {
    const serving = [...this.#running].filter((worker) => worker.serves)
    return serving.length > 0 && serving.every((worker) => worker.knows)
  }

  status(): WorkerStatus[] {
    return [...this.#running].map((worker) => worker.status())
  }

  /**
   * Has every worker read the configuration anew; resolves to why some go on by the old one.
   *
   * @param ms milliseconds that each has for that
   */
  async reload(ms?: number): Promise<string[]> {
    const reloaded = await Promise.allSettled([...this.#running].map((worker) => worker.reload(ms)))
    return reloaded.flatMap((each) => (each.status === 'rejected' ? [describeError(each.reason)] : []))
  }

  /** Has every worker open its log files again. */
  reopenLogs(): void {
    for (const worker of this.#running) worker.reopenLogs()
  }

  /** Has every worker write this level of the log, also one that is started later. */
  setLogLevel(level: LogLevel): void {
    this.#logLevel = level
    for (const worker of this.#running) worker.setLogLevel(level)
  }

  /**
   * Replaces every worker, one after the other: the old one stops accepting once the new one listens, and has exited before
   * the next one is replaced. Stops at the first that cannot be replaced, which goes on, and resolves to why.
   *
   * @param ms milliseconds until a new one must listen
   */
  async replaceAll(ms = SUCCEEDS_WITHIN): Promise<string[]> {
    for (const slot of this.#slots) {
      const { worker } = slot
      if (this.#closing) return ['the gateway is stopping']
      if (worker === undefined) continue // its replacement is about to start anyway
      try {
        await this.#succeed(slot, ms)
        await worker.drain(this.#options.stopTimeout, IDLE_GRACE)
      } catch (error) {
        return [`worker ${slot.number} cannot be replaced and goes on: ${describeError(error)}`]
      }
    }
    return []
  }

  /**
   * Adds what all workers have counted, and their replication. What one counted since it was last asked is lost if it is
   * killed, so ask often; one that drains says it all. A worker that does not answer within a second counts with its last answer.
   */
  async collect(samples: Samples): Promise<void> {
    await Promise.all([...this.#running].map((worker) => worker.measure()))
    addAll(samples, this.#retired)
    for (const worker of this.#running) {
      const name = String(worker.number)
      const { metrics } = worker
      if (metrics !== undefined) {
        addAll(samples, metrics.samples)
        addProcess(samples, name, metrics.usage)
      }
      const { lag, state } = worker.status()
      add(samples, 'mgw_worker_in_sync', [name], state === 'in sync' ? 1 : 0)
      if (lag === undefined) continue
      add(samples, 'mgw_worker_replication_lag_seconds', [name], lag.ms / 1000)
      add(samples, 'mgw_worker_replication_lag_entries', [name], lag.entries)
    }
    add(samples, 'mgw_workers', [], this.status().filter(({ listening }) => listening).length)
    add(samples, 'mgw_worker_restarts_total', [], this.#restarts)
  }

  /** Lets open requests end (`stopTimeout`); resolves when all workers have exited. */
  async close(): Promise<void> {
    this.#closing = true
    clearInterval(this.#watch)
    for (const pause of this.#pauses) clearTimeout(pause)
    await Promise.all([...this.#running].map((worker) => worker.drain(this.#options.stopTimeout)))
    process.off('exit', this.#endAll)
  }

  #fork(slot: Slot): void {
    const ended = (worker: WorkerProcess, how: Exit) => this.#ended(slot, worker, how)
    const listening = (ports: Ports) => this.#onFirst?.resolve(ports)
    const failed = (error: Error) => this.#onFirst?.reject(error)
    try {
      slot.worker = this.#start(slot, { listening, failed, ended })
    } catch (error) {
      this.#options.logger.error('cannot fork a worker', error)
      this.#lost(slot, 0, { status: 'not started', lived: 0 })
    }
  }

  /** Starts another worker for a slot; resolves when it listens and the slot is its own. One that is late is killed. */
  async #succeed(slot: Slot, ms: number): Promise<void> {
    let isLate = false
    const succeeded = new Promise<void>((resolve, reject) => {
      const listening = () => {
        if (isLate) return
        slot.worker = slot.successor
        slot.successor = undefined
        resolve()
      }
      const ended = (worker: WorkerProcess, how: Exit) => {
        if (slot.successor !== worker) return this.#ended(slot, worker, how)
        slot.successor = undefined
        reject(new Error(`its successor exited before it listened (${how.status})`))
        if (slot.worker === undefined) this.#lost(slot, worker.pid, how)
      }
      slot.successor = this.#start(slot, { listening, failed: reject, ended })
    })
    const { successor } = slot
    const late = () => {
      isLate = true
      successor?.kill()
      return new Error(`its successor did not listen within ${ms} ms`)
    }
    await within(ms, succeeded, late)
  }

  #start({ number }: Slot, events: StartEvents): WorkerProcess {
    const { publisher, logger } = this.#options
    const worker = new WorkerProcess(number, publisher, logger, {
      listening: (ports) => {
        logger.info('worker listening', { worker: worker.pid })
        if (this.#logLevel !== undefined) worker.setLogLevel(this.#logLevel)
        events.listening(ports)
      },
      revoke: this.#options.revoke,
      receive: this.#options.receive,
      failed: (error) => {
        logger.error('worker failed to start', error, { worker: worker.pid })
        events.failed(error)
      },
      exited: (how) => {
        this.#running.delete(worker)
        if (worker.metrics !== undefined) addAll(this.#retired, lasting(worker.metrics.samples))
        events.ended(worker, how)
      },
    })
    this.#running.add(worker)
    return worker
  }

  /** A worker has exited that is the one of its slot, unless a successor is. */
  #ended(slot: Slot, worker: WorkerProcess, how: Exit): void {
    if (slot.worker !== worker) return
    slot.worker = undefined
    if (slot.successor === undefined) this.#lost(slot, worker.pid, how)
  }

  #lost(slot: Slot, pid: number, how: Exit): void {
    if (this.#closing) return
    this.#onFirst?.reject(new Error(`a worker exited before it listened (${how.status})`))
    this.#replace(slot, pid, how)
  }

  #replace(slot: Slot, pid: number, { status, lived }: Exit): void {
    const ms = slot.delay.next(lived)
    this.#restarts++
    this.#options.logger.error('worker exited; restarting it', undefined, { worker: pid, status, delay: ms })
    const timer = setTimeout(() => {
      this.#pauses.delete(timer)
      this.#fork(slot)
    }, ms)
    this.#pauses.add(timer)
  }
}

/** How long to wait before a worker is restarted: 100 ms, doubled with each exit soon after a start, at most 30 s. */
export class RestartDelay {
  readonly #backoff = new Backoff({ first: RESTART_FIRST, max: RESTART_LAST })

  /** @param lived milliseconds from its start to its exit */
  next(lived: number): number {
    if (lived >= HEALTHY_AFTER) this.#backoff.reset()
    return this.#backoff.next()
  }
}
