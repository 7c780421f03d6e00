import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Ledger } from './ledger.js'
import type { Teardowns } from './teardowns.js'

const STARTED = /the gateway is started http=(\d+)/
const START_LIMIT = 30_000

/** A gateway in a process of its own. Tells the ledger of all that is done to it. */
export class GatewayNode {
  readonly name: string
  readonly #command: readonly string[]
  readonly #ledger: Ledger
  #child: ChildProcess | undefined
  #log = ''
  #port = 0
  #up: PromiseWithResolve = withResolve()
  #wanted = true
  /** How often it was started. */
  incarnation = 0

  constructor(t: Pick<Teardowns, 'teardown'>, name: string, command: readonly string[], ledger: Ledger) {
    this.name = name
    this.#command = command
    this.#ledger = ledger
    t.teardown(() => this.kill())
  }

  /** All that it has written, over its restarts. */
  get log(): string {
    return this.#log
  }

  /** Resolves, with the port, when it runs and is not frozen. */
  async port(): Promise<number> {
    await this.#up.promise
    return this.#port
  }

  async start(): Promise<void> {
    const child = spawn(process.execPath, this.#command, {
      env: { ...process.env, NODE_OPTIONS: '' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child = child
    this.#wanted = true
    const closed = once(child, 'close').then(([status, signal]) => {
      if (this.#child === child && this.#wanted)
        this.#ledger.violated(`${this.name} ended by itself: ${status ?? signal}`)
    })
    const begin = this.#log.length
    const started = new Promise<void>((resolve) => {
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding('utf8').on('data', (text: string) => {
          this.#log += text
          const match = STARTED.exec(this.#log.slice(begin))
          if (match === null) return
          this.#port = Number(match[1])
          resolve()
        })
      }
    })
    const limit = AbortSignal.timeout(START_LIMIT)
    await Promise.race([started, closed, once(limit, 'abort')])
    if (this.#port === 0) throw new Error(`${this.name} did not start:\n${this.#log.slice(begin)}`)
    this.incarnation++
    this.#ledger.started(this.name, performance.now())
    this.#up.resolve()
  }

  async kill(): Promise<void> {
    const child = this.#child
    this.#wanted = false
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    this.#down()
    const gone = once(child, 'close')
    child.kill('SIGKILL')
    this.#ledger.killed(this.name, performance.now())
    await gone
    this.#port = 0
  }

  freeze(): void {
    this.#down()
    this.#child?.kill('SIGSTOP')
    this.#ledger.frozen(this.name, performance.now())
  }

  thaw(): void {
    this.#ledger.thawed(this.name, performance.now())
    this.#child?.kill('SIGCONT')
    this.#up.resolve()
  }

  #down(): void {
    this.#up = withResolve()
  }
}

interface PromiseWithResolve {
  readonly promise: Promise<void>
  readonly resolve: () => void
}

function withResolve(): PromiseWithResolve {
  let resolve: () => void = () => undefined
  const promise = new Promise<void>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}
