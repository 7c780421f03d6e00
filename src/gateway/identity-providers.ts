import type { Config } from '../config/index.js'
import { createHttpClient } from '../http-client/index.js'
import type { Logging } from '../logging/index.js'
import type { RevocationRecord } from '../revocation/index.js'
import type { Notice, NoticeAnswer, NoticeSink } from '../sources/identity-provider/index.js'
import { type IdentityProviderSource, openIdentityProviders } from '../sources/index.js'
import type { SourceStatus } from '../sources/source.js'
import { type SourceState, SourceTracker } from '../sync/index.js'
import { systemClock } from '../time/index.js'
import { readClientOptions } from './client-options.js'

export interface IdentityProvidersParts {
  /** Revokes in the name of a source; resolves when that is durable and every worker enforces it. */
  readonly revoke: (record: RevocationRecord, source: string) => Promise<void>
  /** The worst status of the streams has changed, or one of them says its own again. */
  readonly streamsChanged: (status: SourceStatus) => void
  readonly witness: (server: string, date: number) => void
  readonly logging: Logging
}

interface Running {
  readonly source: IdentityProviderSource
  readonly tracker: SourceTracker
  readonly sink: NoticeSink
}

/** The identity providers of a configuration: what they push is received here, in the primary, and what they stream is read. */
export class IdentityProviders {
  readonly #running: readonly Running[]
  readonly #byPath: ReadonlyMap<string, Running>
  readonly #stop = new AbortController()
  readonly #close: () => Promise<void>
  #ended: Promise<unknown> = Promise.resolve()

  private constructor(running: readonly Running[], close: () => Promise<void>) {
    this.#running = running
    this.#byPath = new Map(running.flatMap((one) => one.source.paths.map((path) => [path, one])))
    this.#close = close
  }

  /** Makes their sources, without connecting. Throws for certificates and keys that cannot be used. */
  static async open(config: Config, parts: IdentityProvidersParts): Promise<IdentityProviders> {
    const { revoke, witness, logging } = parts
    if (config.identityProvider.length === 0) return new IdentityProviders([], async () => undefined)
    const client = createHttpClient(await readClientOptions(config))
    try {
      const sources = await openIdentityProviders(config, { client, witness, logging })
      const running: readonly Running[] = sources.map((source) => {
        const tracker = new SourceTracker(source.name, source.role, systemClock, logging('IdentityProvider'))
        const changed = source.role === 'stream' ? () => parts.streamsChanged(worst(running)) : () => undefined
        return { source, tracker, sink: sinkOf(tracker, revoke, changed) }
      })
      return new IdentityProviders(running, () => client.destroy())
    } catch (error) {
      await client.destroy()
      throw error
    }
  }

  start(): void {
    this.#ended = Promise.allSettled(this.#running.map(({ source, sink }) => source.run(sink, this.#stop.signal)))
  }

  /** Answers what came to a path of a source. */
  async receive(notice: Notice): Promise<NoticeAnswer> {
    const found = this.#byPath.get(notice.path)
    return (await found?.source.receive?.(notice, found.sink)) ?? { status: 404 }
  }

  /** The status of each source, for people. */
  states(): SourceState[] {
    return this.#running.map(({ source, tracker }) => tracker.describe(source.malformed?.()))
  }

  /** Stops the sources. */
  async close(): Promise<void> {
    this.#stop.abort()
    await this.#close()
    await this.#ended
  }
}

/** From the best status to the worst. */
const STATUSES: readonly SourceStatus[] = ['live', 'connecting', 'gap', 'failed']

/** What was missed, or may be, counts: the streams are as good as the worst of them. */
function worst(running: readonly Running[]): SourceStatus {
  const streams = running.filter(({ source }) => source.role === 'stream')
  return STATUSES[Math.max(...streams.map(({ tracker }) => STATUSES.indexOf(tracker.status)))] ?? 'live'
}

function sinkOf(tracker: SourceTracker, revoke: IdentityProvidersParts['revoke'], changed: () => void): NoticeSink {
  return {
    async revoke(records) {
      await Promise.all(records.map((record) => revoke(record, tracker.name)))
      for (const _ of records) tracker.learnt()
    },
    state(status, detail) {
      tracker.set(status, detail)
      changed()
    },
  }
}
