import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { setTimeout } from 'node:timers/promises'
import type { Config } from '../config/index.js'
import { createHttpClient } from '../http-client/index.js'
import type { Logging } from '../logging/index.js'
import { add, type Samples } from '../metrics/index.js'
import type { RequestObserver } from '../server/index.js'
import { packageVersion } from '../version.js'
import { readClientOptions } from './client-options.js'

/** Milliseconds that the process's end waits for the collector. */
const LAST_WAIT = 3_000

/** What a process sends to an OpenTelemetry collector. */
export interface Telemetry {
  /** Told of requests. */
  readonly observers: readonly RequestObserver[]
  /** Sends what is collected, too, at intervals. Call it once. */
  alsoSend(collect: () => Promise<Samples>): void
  collect(samples: Samples): void
  /** Sends what waits, for {@link LAST_WAIT} at most. */
  close(): Promise<void>
}

/** Whether the gateway records spans. */
export function recordsSpans({ openTelemetry }: Config): boolean {
  return openTelemetry.endpoint !== undefined && openTelemetry.traces
}

/** Opens what `[openTelemetry]` asks for; nothing of it is loaded otherwise. Throws for a trust store that cannot be read. */
export async function openTelemetry(config: Config, logging: Logging): Promise<Telemetry | undefined> {
  const { endpoint, authorization, serviceName, traces, metrics, metricsInterval } = config.openTelemetry
  if (endpoint === undefined || (!traces && !metrics)) return undefined
  const { Collector, encodeMetrics, metricsOf, RequestDurations, SpanQueue } = await import('../telemetry/index.js')
  const { RequestSpans } = await import('./request-spans.js')
  const client = createHttpClient(await readClientOptions(config))
  const logger = logging('OpenTelemetry')
  const collector = new Collector({ client, endpoint, authorization, logger })
  const resource = {
    'service.name': serviceName,
    'service.version': packageVersion(),
    'service.instance.id': randomUUID(),
    'host.name': hostname(),
    'process.pid': process.pid,
  }
  const spans = traces ? new SpanQueue(collector, resource) : undefined
  const durations = metrics ? new RequestDurations() : undefined
  let collectMore: () => Promise<Samples> = async () => new Map()
  const since = Date.now()
  const sendMetrics = async () => {
    const all = [...(durations === undefined ? [] : [durations.metric]), ...metricsOf(await collectMore())]
    const filled = all.filter(({ points }) => points.length > 0)
    if (filled.length > 0) await collector.send('metrics', encodeMetrics(resource, filled, since, Date.now()))
  }
  let sending: Promise<void> | undefined
  const tick = () => {
    sending ??= sendMetrics()
      .catch((error) => logger.error('metrics not sent', error))
      .finally(() => {
        sending = undefined
      })
    return sending
  }
  const timer = metrics ? setInterval(() => void tick(), metricsInterval).unref() : undefined
  return {
    observers: [new RequestSpans({ spans, durations })],
    alsoSend(collect) {
      collectMore = collect
    },
    collect(samples) {
      if (spans !== undefined) add(samples, 'mgw_spans_dropped_total', [], spans.dropped)
    },
    async close() {
      clearInterval(timer)
      const sendRest = async () => {
        await spans?.close()
        collector.stop()
        await sending
        if (metrics) await tick()
      }
      await Promise.race([sendRest(), setTimeout(LAST_WAIT, undefined, { ref: false })])
      await client.destroy()
    },
  }
}
