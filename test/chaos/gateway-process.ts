import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'

const STARTED = /gateway (?:is )?started .*?http=(\d+) https=(\d+) admin=(\d+)/
const START_LIMIT = 60_000

export interface Ports {
  readonly http: number
  readonly https: number
  readonly admin: number
}

/** Which processes of a gateway a signal is for. */
export type Target = 'all' | 'primary' | 'worker'

/** One run of a gateway: its primary and its workers. */
export class GatewayProcess {
  readonly #child: ChildProcess
  readonly #workers = new Set<number>()
  #log = ''
  /** Resolves when the primary has exited, to how. */
  readonly exited: Promise<string>
  ports: Ports | undefined
  #onPorts: () => void = () => undefined

  constructor(command: readonly string[], env: NodeJS.ProcessEnv, logged: (text: string) => void) {
    const [program = '', ...args] = command
    this.#child = spawn(program, args, {
      env: { ...process.env, NODE_OPTIONS: '', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.exited = once(this.#child, 'exit').then(([status, signal]) => String(status ?? signal))
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        logged(text)
        this.#read(text)
      })
    }
  }

  /** Resolves when it listens. Rejects with its log if it does not come to that. */
  async listening(): Promise<void> {
    const ports = new Promise<void>((resolve) => {
      this.#onPorts = resolve
    })
    const limit = AbortSignal.timeout(START_LIMIT)
    if (this.ports === undefined) await Promise.race([ports, this.exited, once(limit, 'abort')])
    if (this.ports === undefined) throw new Error(`a gateway did not start:\n${this.#log}`)
    this.#findWorkers()
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  get hasExited(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  /** Signals the processes that there are; for `worker`, the one that was started first. */
  signal(target: Target, signal: NodeJS.Signals): void {
    const workers = this.#findWorkers()
    if (target !== 'worker' && !this.hasExited) this.#child.kill(signal)
    if (target === 'primary') return
    for (const pid of target === 'worker' ? workers.slice(0, 1) : workers) send(pid, signal)
  }

  /** SIGKILL to whatever is left of it. Resolves when the primary is gone. */
  async end(target: 'all' | 'primary' = 'all'): Promise<void> {
    this.signal(target, 'SIGKILL')
    await this.exited
  }

  /** Workers that outlived their primary. */
  get orphans(): number[] {
    return this.hasExited ? this.#findWorkers() : []
  }

  #read(text: string): void {
    if (this.ports !== undefined) return
    this.#log += text
    const match = STARTED.exec(this.#log)
    if (match === null) return
    this.ports = { http: Number(match[1]), https: Number(match[2]), admin: Number(match[3]) }
    this.#onPorts()
  }

  /** Those that run. A process is known by its command: its number may be somebody else's by now. */
  #findWorkers(): number[] {
    const { pid } = this.#child
    if (!this.hasExited)
      for (const child of read(`/proc/${pid}/task/${pid}/children`).split(' ')) {
        if (child.trim() !== '') this.#workers.add(Number(child))
      }
    for (const worker of this.#workers) {
      const isWorker = read(`/proc/${worker}/cmdline`).includes('worker.js')
      const hasEnded = /^State:\s+Z/m.test(read(`/proc/${worker}/status`))
      if (!isWorker || hasEnded) this.#workers.delete(worker)
    }
    return [...this.#workers]
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It has ended meanwhile.
  }
}
