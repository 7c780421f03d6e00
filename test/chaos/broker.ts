import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { freePorts } from '../services/free-port.js'
import type { Teardowns } from './teardowns.js'

/** A topic broker (AMQP 1.0) that keeps nothing: what is published while a gateway is not subscribed is lost to it. */
export class ChaosBroker {
  readonly port: number
  readonly #topic: string
  #child: ChildProcess | undefined
  /** Ids that it took while somebody was subscribed. */
  readonly accepted = new Set<string>()

  private constructor(port: number, topic: string) {
    this.port = port
    this.#topic = topic
  }

  static async start(t: Pick<Teardowns, 'teardown'>, topic: string): Promise<ChaosBroker> {
    const [port = 0] = await freePorts(1)
    const broker = new ChaosBroker(port, topic)
    t.teardown(() => broker.kill())
    await broker.restart()
    return broker
  }

  publish(id: string): void {
    const child = this.#child
    if (child?.connected === true) child.send(id, () => undefined)
  }

  async kill(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }

  async restart(): Promise<void> {
    const child = fork(join(import.meta.dirname, 'broker-process.js'), [String(this.port), this.#topic], {
      execArgv: [],
      env: { ...process.env, NODE_OPTIONS: '' },
    })
    child.on('error', () => undefined)
    this.#child = child
    const [first] = await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(() => ['it has ended'] as const),
    ])
    if (first !== 'ready') throw new Error(`the broker did not start: ${String(first)}`)
    child.on('message', (message: { published: string; subscribers: number }) => {
      if (message.subscribers > 0) this.accepted.add(message.published)
    })
  }

  freeze(): void {
    this.#child?.kill('SIGSTOP')
  }

  thaw(): void {
    this.#child?.kill('SIGCONT')
  }
}
