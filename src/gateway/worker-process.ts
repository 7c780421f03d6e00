import cluster, { type Worker } from 'node:cluster'
import { once } from 'node:events'
import type { Logger, LogLevel } from '../logging/index.js'
import type { FollowerStatus, Publisher } from '../replication/index.js'
import type { Asker, RevocationRecord } from '../revocation/index.js'
import type { Notice, NoticeAnswer } from '../sources/identity-provider/index.js'
import { within } from '../time/index.js'
import { packageVersion } from '../version.js'
import { isWorkersMessage, type ToPrimary, type ToWorker, type WorkerMetrics } from './messages.js'
import { outcomeOf } from './pending-handovers.js'

/** A worker that has not acknowledged a message for so long (ms), or has not said hello, hangs. */
const HANGS_AFTER = 30_000
/** A worker that has not acknowledged a message for so long (ms) is stalled for now. */
const SILENT_AFTER = 5_000
/** Milliseconds beyond `stopTimeout` that a worker has to exit. */
const EXIT_GRACE = 5_000

/** Milliseconds that a worker has to take a reloaded configuration. */
const RELOADED_WITHIN = 60_000

/** How long to wait for the last messages of a worker that has exited, ms. */
const LAST_MESSAGE_WITHIN = 1_000

/** How long to wait for what a worker has counted, ms: a stalled one must not hold up the others'. */
const MEASURED_WITHIN = 1_000

/** The ports that a worker listens on. */
export interface Ports {
  readonly httpPort: number
  readonly httpsPort: number
  readonly tokenPort?: number
}

export interface WorkerStatus extends Partial<FollowerStatus> {
  /** From 1; its replacement has the same. */
  readonly number: number
  readonly pid: number
  readonly listening: boolean
}

export interface WorkerEvents {
  listening(ports: Ports): void
  /** A revocation arrived through it; rejects if it can't be confirmed. */
  revoke(record: RevocationRecord | undefined, asker: Asker): Promise<void>
  /** A notice of an identity provider arrived through it. */
  receive(notice: Notice): Promise<NoticeAnswer>
  /** It reported why it cannot serve; it exits next. */
  failed(error: Error): void
  /** It has exited, or could not be started. Called once. */
  exited(how: { readonly status: string; readonly lived: number }): void
}

/** One worker, from its start to its exit. The constructor throws if the process cannot be forked. */
export class WorkerProcess {
  readonly number: number
  readonly #worker: Worker
  readonly #subscription: ReturnType<Publisher['subscribe']>
  readonly #logger: Logger
  readonly #startedAt = performance.now()
  readonly #exited: Promise<void>
  /** Who waits for its `reloaded`, in the order in which they asked. */
  readonly #reloading: ((failure: string | undefined) => void)[] = []
  /** What it is told once it says hello: what is sent to it before it listens for messages is lost. */
  #held: ToWorker[] | undefined = []
  #listening = false
  #unanswered = 0
  #metrics: WorkerMetrics | undefined
  #measured: (() => void)[] = []

  constructor(number: number, publisher: Publisher, logger: Logger, events: WorkerEvents) {
    this.number = number
    const worker = cluster.fork()
    this.#worker = worker
    this.#logger = logger
    this.#subscription = publisher.subscribe(String(worker.process.pid), (message) =>
      this.#send({ kind: 'replication', message }),
    )
    worker.on('message', (message: unknown) => {
      if (isWorkersMessage<ToPrimary>(message)) this.#receive(message, events)
    })
    this.#exited = new Promise((resolve) => {
      const ended = async (status: string) => {
        this.#listening = false
        this.#subscription.close()
        await lastMessageOf(worker)
        for (const measured of this.#measured.splice(0)) measured()
        resolve()
        events.exited({ status, lived: performance.now() - this.#startedAt })
      }
      worker.once('exit', (code: number | null, signal: string | null) => void ended(signal ?? String(code)))
      worker.on('error', (error) => {
        logger.error('worker process error', error, { worker: this.pid })
        if (worker.process.pid === undefined) void ended('not started') // no exit follows
      })
    })
  }

  get pid(): number {
    return this.#worker.process.pid ?? 0
  }

  /** Whether it answers requests: it listens and is not stalled. */
  get serves(): boolean {
    return this.#listening && (this.#subscription.status()?.lag.ms ?? 0) < SILENT_AFTER
  }

  /** Whether it knows that the list is known. */
  get knows(): boolean {
    return this.#subscription.knows()
  }

  status(): WorkerStatus {
    return { number: this.number, pid: this.pid, listening: this.#listening, ...this.#subscription.status() }
  }

  /** What it last said to have counted; `undefined` if it never did. */
  get metrics(): WorkerMetrics | undefined {
    return this.#metrics
  }

  /** Asks what it has counted. Resolves when {@link metrics} has that, and after a second in any case. */
  measure(): Promise<void> {
    if (!this.#listening) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, MEASURED_WITHIN)
      this.#measured.push(() => {
        clearTimeout(timer)
        resolve()
      })
      this.#send({ kind: 'measure' })
    })
  }

  /** Kills a worker that hangs. Call at intervals: needs two in a row, in case this process itself was suspended. */
  endIfHanging(): void {
    const lag = this.#subscription.status()?.lag.ms ?? performance.now() - this.#startedAt
    this.#unanswered = lag > HANGS_AFTER ? this.#unanswered + 1 : 0
    if (this.#unanswered < 2) return
    this.#logger.error('worker unresponsive; killing it', undefined, { worker: this.pid })
    this.kill()
  }

  /**
   * Has it read the configuration anew, one that starts once it listens. Rejects if it goes on by the old one, or does not
   * say so in time; resolves when it has exited instead.
   *
   * @param ms milliseconds that it has for that
   */
  async reload(ms = RELOADED_WITHIN): Promise<void> {
    const reloaded = new Promise<string | undefined>((resolve) => this.#reloading.push(resolve))
    this.#send({ kind: 'reload' })
    const late = () => new Error(`worker ${this.number} did not take the configuration within ${ms} ms`)
    const failure = await within(ms, Promise.race([reloaded, this.#exited]), late)
    if (typeof failure === 'string') throw new Error(failure)
  }

  /** Has it open its log files again. */
  reopenLogs(): void {
    this.#send({ kind: 'reopen-logs' })
  }

  /** Has it write this level of the log from now on. */
  setLogLevel(level: LogLevel): void {
    this.#send({ kind: 'log-level', level })
  }

  /**
   * Lets its open requests end; resolves when it has exited.
   *
   * @param idle milliseconds that its connections without a request may stay
   */
  async drain(stopTimeout: number, idle = 0): Promise<void> {
    this.#send({ kind: 'drain', idle })
    const force = setTimeout(() => this.kill(), stopTimeout + EXIT_GRACE)
    await this.#exited
    clearTimeout(force)
  }

  kill(): void {
    this.#worker.process.kill('SIGKILL')
  }

  #receive(message: ToPrimary, events: WorkerEvents): void {
    if (message.kind === 'replication') {
      if (message.message.type === 'hello' && message.message.version !== packageVersion()) {
        return this.#refuse(message.message.version, events)
      }
      if (message.message.type === 'hello') this.#sendHeld()
      this.#subscription.receive(message.message)
    } else if (message.kind === 'listening') {
      this.#listening = true
      events.listening(message)
    } else if (message.kind === 'reloaded') {
      this.#reloading.shift()?.(message.failure)
    } else if (message.kind === 'metrics') {
      this.#metrics = message.metrics
      for (const measured of this.#measured.splice(0)) measured()
    } else if (message.kind === 'revoke') {
      const { number, record, asker } = message
      void outcomeOf(events.revoke(record, asker)).then((failure) =>
        this.#send({ kind: 'revoked', number, ...failure }),
      )
    } else if (message.kind === 'notice') {
      const { number } = message
      void events.receive(message.notice).then((answer) => this.#send({ kind: 'noticeAnswered', number, answer }))
    } else {
      events.failed(Object.assign(new Error(message.reason), message.code === undefined ? {} : { code: message.code }))
    }
  }

  /** The package was replaced under a gateway that runs: what the two say to each other may mean something else to each. */
  #refuse(version: string, events: WorkerEvents): void {
    const problem = `the worker is of mgw ${version} and the gateway of ${packageVersion()}: restart the gateway`
    events.failed(Object.assign(new Error(problem), { code: 'ERR_WORKER_VERSION' }))
    this.kill()
  }

  #sendHeld(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const message of held) this.#send(message)
  }

  /** A message that cannot be sent any more does not matter: the worker is exiting. */
  #send(message: ToWorker): void {
    if (this.#held !== undefined) this.#held.push(message)
    else if (this.#worker.isConnected()) this.#worker.process.send(message, () => undefined)
  }
}

/** What a worker that has exited said last may not have been read yet. Resolves when it is, or after a second. */
async function lastMessageOf(worker: Worker): Promise<void> {
  if (!worker.isConnected()) return
  await once(worker, 'disconnect', { signal: AbortSignal.timeout(LAST_MESSAGE_WITHIN) }).catch(() => undefined)
}
