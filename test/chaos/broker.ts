import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { freePorts } from '../services/free-port.js'
import type { Teardowns } from './teardowns.js'

/** Told that a message was given to the subscriber of a listener, not before `publishedAt`. */
type Delivered = (listener: number, id: string, publishedAt: number) => void

/** A topic broker (AMQP 1.0) that keeps nothing: what is published while a gateway is not subscribed is lost to it. */
export class ChaosBroker {
  /** One for each gateway. */
  readonly ports: readonly number[]
  readonly #topic: string
  readonly #publishedAt = new Map<string, number>()
  #child: ChildProcess | undefined
  onDelivered: Delivered = () => undefined

  private constructor(ports: readonly number[], topic: string) {
    this.ports = ports
    this.#topic = topic
  }

  static async start(t: Pick<Teardowns, 'teardown'>, topic: string, listeners: number): Promise<ChaosBroker> {
    const broker = new ChaosBroker(await freePorts(listeners), topic)
    t.teardown(() => broker.kill())
    await broker.restart()
    return broker
  }

  publish(id: string): void {
    const child = this.#child
    if (child?.connected !== true) return
    this.#publishedAt.set(id, performance.now())
    child.send(id, () => undefined)
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
    const child = fork(join(import.meta.dirname, 'broker-process.js'), [this.#topic, ...this.ports.map(String)], {
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
    child.on('message', ({ published, subscribed }: { published: string; subscribed: boolean[] }) => {
      const publishedAt = this.#publishedAt.get(published)
      this.#publishedAt.delete(published)
      if (publishedAt === undefined || this.#child !== child) return
      for (const [at, is] of subscribed.entries()) if (is) this.onDelivered(at, published, publishedAt)
    })
  }

  freeze(): void {
    this.#child?.kill('SIGSTOP')
  }

  thaw(): void {
    this.#child?.kill('SIGCONT')
  }
}
