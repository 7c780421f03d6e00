import cluster from 'node:cluster'
import { readInputs } from './gateway/inputs.js'
import { isWorkersMessage, type ToPrimary, type ToWorker } from './gateway/messages.js'
import { type Serving, serve } from './gateway/serving.js'
import { createLogging, describeError } from './logging/index.js'
import { Replica, type RevocationRecord } from './revocation/index.js'

/** A worker: a replica of the primary's list, and listeners. Started by the primary, with the configuration's file. */
async function work(configFile: string): Promise<void> {
  const inputs = await readInputs(configFile)
  const { config } = inputs
  const logging = createLogging(config.logging)
  const replica = new Replica({
    timestampSkew: config.server.timestampSkew,
    retention: config.tokenRevocationConfig.retention,
    send: (message) => tell({ kind: 'replication', message }),
  })
  const handedOver = new HandedOver()
  let serving: Serving | undefined
  let stopping: Promise<void> | undefined
  const stop = () => {
    stopping ??= (serving?.close() ?? Promise.resolve()).finally(() => process.exit(0))
  }
  process.on('message', (message) => {
    if (!isWorkersMessage<ToWorker>(message)) return
    if (message.kind === 'replication') replica.receive(message.message)
    else if (message.kind === 'revoked') handedOver.done(message.number)
    else if (message.kind === 'drain') stop()
  })
  onOrphaned(() => {
    logging('Worker').error('the primary is gone: open requests are let end')
    stop()
  })
  await replica.follow()
  if (stopping !== undefined) return
  serving = await serve(inputs, replica, (record) => handedOver.revoke(record), logging)
  const { close: _, ...ports } = serving
  tell({ kind: 'listening', ...ports })
}

/** How long the primary's word is waited for, ms: a revocation's answer must leave at some time. */
const REVOKED_WITHIN = 5_000

/** Revocations that came through this worker and that the primary was handed. */
class HandedOver {
  readonly #waiting = new Map<number, () => void>()
  #last = 0

  revoke(record: RevocationRecord): Promise<void> {
    const number = ++this.#last
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.done(number), REVOKED_WITHIN)
      this.#waiting.set(number, () => {
        clearTimeout(timer)
        resolve()
      })
      tell({ kind: 'revoke', number, record })
    })
  }

  done(number: number): void {
    this.#waiting.get(number)?.()
    this.#waiting.delete(number)
  }
}

/** Node would end an orphan at once, and what is under way with it. */
function onOrphaned(action: () => void): void {
  const { worker } = cluster
  worker?.once('disconnect', () => {
    worker.exitedAfterDisconnect = true
    action()
  })
}

function tell(message: ToPrimary): void {
  if (process.connected) process.send?.(message, () => undefined)
}

// A terminal and an init system signal the whole group: the primary says when to stop.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)

work(process.argv[2] ?? '').catch((error: unknown) => {
  const code = error instanceof Error && 'code' in error ? { code: String(error.code) } : {}
  const failed: ToPrimary = { kind: 'failed', reason: describeError(error), ...code }
  process.send?.(failed, () => process.exit(1))
})
