import type { Config } from '../config/index.js'
import type { Logging } from '../logging/index.js'
import type { Samples } from '../metrics/index.js'
import type { RequestObserver } from '../server/index.js'
import { RecordFiles } from './record-files.js'
import type { Learnt } from './revocations.js'
import { openTelemetry, type Telemetry } from './telemetry.js'

/** What a process tells of requests and revocations, beside its log: access log, audit log, OpenTelemetry. */
export class Observation {
  /** Told of requests; empty unless something is configured. */
  readonly observers: readonly RequestObserver[]
  readonly #files: RecordFiles
  readonly #telemetry: Telemetry | undefined

  private constructor(files: RecordFiles, telemetry: Telemetry | undefined) {
    this.#files = files
    this.#telemetry = telemetry
    this.observers = [...files.observers, ...(telemetry?.observers ?? [])]
  }

  /** Throws for a file that cannot be opened. @param serves whether this process serves requests */
  static async open(config: Config, logging: Logging, serves: boolean): Promise<Observation> {
    const telemetry = await openTelemetry(config, logging)
    return new Observation(new RecordFiles(config, logging, serves), telemetry)
  }

  /** To be told of revocations; absent: nobody wants to know. */
  get learnt(): Learnt | undefined {
    const { audit } = this.#files
    return audit && ((...revocation) => audit.learnt(...revocation))
  }

  /** Opens log files by their names again. */
  reopen(): void {
    this.#files.reopen()
  }

  /** Has metrics sent that are collected so, if any are sent. */
  alsoSend(collect: () => Promise<Samples>): void {
    this.#telemetry?.alsoSend(collect)
  }

  /** Adds what was dropped. */
  collect(samples: Samples): void {
    this.#files.collect(samples)
    this.#telemetry?.collect(samples)
  }

  /** Writes and sends what waits. */
  async close(): Promise<void> {
    await this.#files.close()
    await this.#telemetry?.close()
  }
}
