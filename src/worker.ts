import cluster from 'node:cluster'
import { codeOf } from './error-code.js'
import { readInputs } from './gateway/inputs.js'
import { isWorkersMessage, type ToPrimary, type ToWorker, type WorkerMetrics } from './gateway/messages.js'
import { Observation } from './gateway/observation.js'
import { PendingHandovers } from './gateway/pending-handovers.js'
import { PendingNotices } from './gateway/pending-notices.js'
import { asPrimary, type OfPrimary, withoutRestart } from './gateway/reload.js'
import { type PreparedServing, prepareServing, type Serving } from './gateway/serving.js'
import { createLogging, describeError } from './logging/index.js'
import { processUsage, type Samples } from './metrics/index.js'
import { Replica } from './replication/index.js'

/**
 * A worker: a replica of the primary's list, and listeners. The primary starts it with the configuration file, and with what
 * must be as the primary has it.
 */
async function work(shared: OfPrimary, configFile: string): Promise<void> {
  const read = async () => {
    const inputs = await readInputs(configFile)
    return { ...inputs, config: asPrimary(inputs.config, shared) }
  }
  const inputs = await read()
  const { config } = inputs
  const logging = createLogging(config.logging)
  const observation = await Observation.open(config, logging, true)
  const replica = new Replica({
    retention: config.tokenRevocationConfig.retention,
    send: (message) => tell({ kind: 'replication', message }),
  })
  const handovers = new PendingHandovers({ send: tell })
  const notices = new PendingNotices(tell)
  process.once('disconnect', () => {
    handovers.lost()
    notices.lost()
  })
  let prepared: PreparedServing | undefined
  let serving: Serving | undefined
  let stopping: Promise<void> | undefined
  const stop = (idle: number) => {
    stopping ??= (prepared?.close(idle) ?? Promise.resolve())
      .then(() => observation.close())
      .finally(() => {
        const exit = () => process.exit(0)
        tell({ kind: 'metrics', metrics: measured(serving) }, exit, exit)
      })
  }
  let isListening: (opened: Serving) => void = () => undefined
  const listening = new Promise<Serving>((resolve) => {
    isListening = resolve
  })
  const takeAnew = async () => {
    const opened = await listening
    const next = await read()
    await opened.reload({ ...next, config: withoutRestart(config, next.config).config })
  }
  let reloaded = Promise.resolve()
  const reload = () => {
    // One after the other: of two at a time the older could come last.
    reloaded = reloaded.then(takeAnew).then(
      () => tell({ kind: 'reloaded' }),
      (error) => tell({ kind: 'reloaded', failure: describeError(error) }),
    )
  }
  process.on('message', (message) => {
    if (!isWorkersMessage<ToWorker>(message)) return
    if (message.kind === 'replication') replica.receive(message.message)
    else if (message.kind === 'revoked') handovers.settle(message.number, message.failure)
    else if (message.kind === 'noticeAnswered') notices.settle(message.number, message.answer)
    else if (message.kind === 'reload') reload()
    else if (message.kind === 'reopen-logs') observation.reopen()
    else if (message.kind === 'log-level') logging.level = message.level
    else if (message.kind === 'measure') tell({ kind: 'metrics', metrics: measured(serving) })
    else if (message.kind === 'drain') stop(message.idle)
  })
  onOrphaned(() => {
    logging('Worker').error('lost the primary; ending open requests and exiting')
    replica.orphan()
    setImmediate(() => process.exit(1)) // after the answers that were just written
  })
  await replica.follow()
  if (stopping !== undefined) return
  const primary = { revoke: handovers.revoke.bind(handovers), receive: notices.receive.bind(notices) }
  prepared = await prepareServing(inputs, replica, primary, logging, observation)
  if (stopping !== undefined) return
  serving = await prepared.listen()
  isListening(serving)
  tell({ kind: 'listening', ...serving.ports })
}

/** What this worker has counted; before it serves, nothing. */
function measured(serving: Serving | undefined): WorkerMetrics {
  const samples: Samples = new Map()
  serving?.collect(samples)
  return { samples, usage: processUsage() }
}

/** By default Node exits at once, and a client could mistake that for the end of its response. */
function onOrphaned(action: () => void): void {
  const { worker } = cluster
  worker?.once('disconnect', () => {
    worker.exitedAfterDisconnect = true
    action()
  })
}

function tell(message: ToPrimary, undelivered = () => {}, delivered = () => {}): void {
  if (process.connected)
    process.send?.(message, (error: Error | null) => (error === null ? delivered() : undelivered()))
  else undelivered()
}

// A terminal and an init system signal the whole group: the primary says when to stop.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)

const [shared = '', configFile = ''] = process.argv.slice(-2)

work(JSON.parse(shared) as OfPrimary, configFile).catch((error: unknown) => {
  const code = codeOf(error)
  const failed: ToPrimary = { kind: 'failed', reason: describeError(error), ...(code === undefined ? {} : { code }) }
  process.send?.(failed, () => process.exit(1))
})
