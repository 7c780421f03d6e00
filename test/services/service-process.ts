import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** Whoever ends what was started: a test of tap's, or a benchmark. */
export interface Owner {
  teardown(end: () => unknown): void
}

/** A server's process, that can be ended, frozen and started again as often as a test likes. */
export class ServiceProcess {
  readonly #command: string
  readonly #args: readonly string[]
  readonly #ready: string
  #child: ChildProcess | undefined

  /** @param ready what the line of its log says by which it serves */
  constructor(command: string, args: readonly string[], ready: string) {
    this.#command = command
    this.#args = args
    this.#ready = ready
  }

  /** Resolves once it serves; rejects with the end of its log if it ends instead. */
  async start(): Promise<void> {
    const child = spawn(this.#command, this.#args, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    const lines: string[] = []
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', (code) => {
        reject(new Error(`${this.#command} ended with ${code}: ${lines.slice(-5).join('\n')}`))
      })
      for (const input of [child.stdout, child.stderr]) {
        createInterface({ input }).on('line', (line) => {
          lines.push(line)
          if (lines.length > 1_000) lines.splice(0, 500)
          if (line.includes(this.#ready)) resolve()
        })
      }
    })
  }

  /** Resolves when it is gone. A script that starts the server has to be told by a signal that it passes on. */
  async kill(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    const dying = this.#child
    this.#child = undefined
    if (dying === undefined || dying.exitCode !== null || dying.signalCode !== null) return
    const gone = once(dying, 'exit')
    dying.kill(signal)
    await gone
  }

  /** SIGSTOP. */
  freeze(): void {
    this.#child?.kill('SIGSTOP')
  }

  /** SIGCONT. */
  thaw(): void {
    this.#child?.kill('SIGCONT')
  }
}
